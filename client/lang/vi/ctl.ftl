# Những câu của `giaoban ctl`.

ctl-role-newer = vai trò mà phiên bản này chưa biết
ctl-guest = khách
ctl-silenced = bị tắt tiếng
ctl-muted = micrô tắt
ctl-hand = giơ tay
ctl-away = mất kết nối
ctl-hears = được nghe
ctl-waits = { $number }: { $name }, đang đợi được cho vào
ctl-nobody-here = không có ai trong phòng
ctl-nobody-waits = không có ai đang đợi
ctl-no-number = chưa làm được: không (còn) có số { $number }; hãy xem bằng `giaoban ctl who` và `giaoban ctl lobby`
ctl-nobody = chưa làm được: không có ai để làm việc đó
ctl-not-allowed = chưa làm được: điểm này không có quyền đó; hãy xin người quản trị máy chủ vai trò điều hành
ctl-not-done = chưa làm được: { $why }
ctl-refused = bị từ chối: { $why }
ctl-no-operator = bị từ chối: điểm này không phải là điều hành của phòng đó; hãy xin người quản trị máy chủ vai trò này
ctl-no-answer = không có trả lời: { $why }
ctl-line-lost = đã tới được { $host } nhưng mất kết nối trước khi có trả lời; hãy xem bằng `giaoban ctl who` lệnh đã được thực hiện chưa
ctl-role-operator = điều hành
ctl-role-participant = thành viên
ctl-role-listener = dự nghe
ctl-role-trunk = máy chủ khác
ctl-role-source = nguồn phát
