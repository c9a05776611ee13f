# Phần của cuộc họp mà một điểm đã lỡ.

missed-seconds = { $seconds } giây
missed-minutes = { $number } phút
missed-fetched-now = bạn đã lỡ { $length }; phần này có ghi âm và đang được tải về lúc không ai nói
missed-fetch-it = bạn đã lỡ { $length }; phần này có ghi âm: lệnh `giaoban missed` sẽ tải về
missed-not-fetched = không tải được phần đã lỡ: { $why }
missed-is-here = phần bạn đã lỡ ({ $length }) nằm ở đây, nghe bằng máy phát nhạc hoặc lệnh `giaoban missed --play`: { $path }
missed-code-not-allowed = điểm này không được nghe bản ghi âm đó; hãy hỏi huyện
missed-code-not-there = không có bản ghi âm hoặc đoạn đó; --list cho biết có những gì
missed-code-busy = quá nhiều điểm đang tải; hãy thử lại sau vài phút
missed-code-failed = máy chủ không đọc được bản ghi âm; hãy báo người quản lý máy chủ
missed-code-goes-on = cuộc họp đó đang diễn ra; hãy vào họp, hoặc tải sau khi họp xong
missed-code-newer = máy chủ trả lời một lý do mà chương trình này chưa biết; hãy cập nhật
missed-goes-on = , đang họp
missed-listed = { $recording }: { $began }, dài { $length }{ $goes_on }; đã lỡ { $missed }, đã tải { $here }
missed-nothing-listed = không có bản ghi âm nào mà điểm này được nghe
missed-progress = đã tải { $has } trong { $all }
missed-saved = đã tải đủ tệp này; nghe được bằng mọi máy phát nhạc
missed-interrupted = phần đã tải được giữ lại; chạy lại lệnh này để tải tiếp
missed-not-had = không tải được: { $why }
missed-refused = bị từ chối: { $why }
missed-no-answer = không có trả lời: { $why }
