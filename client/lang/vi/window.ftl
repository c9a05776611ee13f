# Chữ trong cửa sổ, tiếng Việt. Mỗi dòng một câu; tiếng Anh có cùng các khóa.

# The start
welcome = Vào họp
remembered = Cuộc họp của máy này:
by-link = Bằng liên kết
by-pin = Bằng địa chỉ và mã PIN
paste-link = Dán liên kết trong giấy mời, hoặc đường dẫn tệp chứa liên kết
address = Địa chỉ
room = Phòng
pin = Mã PIN
pin-hint = 8 đến 16 chữ số
your-name = Tên của bạn
name-hint = như các điểm khác sẽ thấy
join = Vào họp
check-sound = Thử âm thanh
settings = Cài đặt
wrong-no-link = Hãy dán liên kết trước. Liên kết bắt đầu bằng giaoban://
wrong-link = Liên kết chưa đủ. Hãy sao chép toàn bộ, từ giaoban:// đến hết.
wrong-address = Địa chỉ không đúng. Ví dụ: hop.huyen.vn hoặc 10.0.0.1
wrong-room = Tên phòng không đúng.
wrong-pin = Mã PIN có 8 đến 16 chữ số.
wrong-name = Tên quá dài.
join-room = Vào phòng { $room }

# The sound check
sound-tone = Đang phát âm thử …
sound-tone-text = Kiểm tra loa và micrô của máy này.
sound-ask-tone = Bạn có nghe thấy âm thử không?
sound-ask-tone-text = Nếu không, hãy vặn loa to lên hoặc chọn loa khác.
sound-speak = Bây giờ hãy nói vài câu …
sound-speak-text = Vạch micrô nhấp nháy khi máy nghe thấy bạn.
sound-deaf = Micrô không nghe thấy gì
sound-deaf-text = Hãy kiểm tra dây cắm và công tắc, hoặc chọn micrô khác.
sound-playback = Đây là tiếng máy đã nghe …
sound-playback-text = Hãy nghe lại tiếng của bạn.
sound-ask-voice = Bạn có nghe rõ tiếng mình không?
sound-ask-voice-text = Đây chỉ là kiểm tra trong máy; chất lượng đường truyền sẽ hiện trong cuộc họp.
sound-broken = Âm thanh không hoạt động
yes-heard = Có
no-again = Không, thử lại
once-more = Thử lại
go-on = Vẫn tiếp tục
skip = Bỏ qua
default-device = Theo hệ thống

# The line
line-connecting = Đang kết nối …
line-waiting = Đang đợi được cho vào
line-good = Tốt
line-weak = Yếu – tiếng có thể ngắt quãng
line-slow = Chậm – tiếng đến trễ
line-lost = Mất kết nối – đang nối lại…
line-details = Bấm để xem số liệu
cost = { $mb } MB đã dùng
cost-of = { $mb }/{ $max } MB
recording = ĐANG GHI ÂM
recording-paused = tạm dừng ghi âm
recording-failed = LỖI GHI ÂM

# Who speaks
speaks-now = Đang phát biểu
speaks-own = Bạn đang được phát biểu
speaks-left = Đang phát biểu, còn { $left }
speaks-somebody = Có người đang nói
speaks-nobody = Chưa có ai nói
speaks-more = { $name } và { $count } điểm khác
has-floor = { $name } đang phát biểu

# The microphone
mic-live = ĐANG MỞ MIC
mic-live-text = Mọi người nghe thấy bạn. Bấm vào đây hoặc phím M để tắt.
mic-held = ĐANG MỞ MIC
mic-held-text = Mọi người nghe thấy bạn cho đến khi bạn thả phím cách.
mic-off = MIC TẮT
mic-off-text = Không ai nghe thấy bạn. Bấm vào đây hoặc phím M để nói; hoặc giữ phím cách.
mic-no-floor = CHƯA ĐƯỢC PHÁT BIỂU
mic-silenced = BỊ TẮT TIẾNG
mic-listener = CHỈ DỰ NGHE
mic-no-floor-text = Chưa ai nghe thấy bạn cho đến khi được mời.
mic-silenced-text = Người điều hành đã tắt tiếng của bạn. Không ai nghe thấy bạn.
mic-listener-text = Bạn được mời dự nghe. Không ai nghe thấy bạn.
mic-then-on = Khi được mời, mic sẽ mở.
mic-then-off = Khi được mời, mic vẫn tắt.
mic-missing = KHÔNG CÓ MICRÔ
mic-missing-text = Hãy kiểm tra dây cắm. Máy sẽ tự tìm lại.
mic-away = CHƯA VÀO HỌP
mic-away-text = Chưa ai nghe thấy bạn. Máy đang tự kết nối.
mic-waiting-text = Đợi người điều hành cho vào. Chưa ai nghe thấy bạn.
microphone = Micrô
loudspeaker = Loa

# The hand
hand-raise = Giơ tay
hand-lower = Hạ tay
hand-place = Bạn đứng thứ { $place } trong hàng
hand-first = Bạn đứng đầu hàng
hand-asked = Đang báo …

# What cannot be missed
roll = ĐIỂM DANH
roll-text = Bạn có mặt không? Còn { $left } để trả lời
roll-here = Có mặt
counted = Đã ghi nhận bạn có mặt
yours = MỜI BẠN PHÁT BIỂU
yours-text = Hãy nói.
yours-left = Hãy nói. Còn { $left }.
yours-muted = Mic đang tắt: hãy mở mic rồi nói.
mic-on = Mở mic
ending = Còn { $left }
ending-text = Xin kết thúc phần phát biểu.
gone = Hết lượt phát biểu
gone-text = Không ai nghe thấy bạn nữa.
unheard = Không ai nghe thấy bạn!
unheard-muted = Bạn đang nói nhưng mic đang tắt.
unheard-floor = Chưa đến lượt bạn. Hãy giơ tay trước.
unheard-silenced = Người điều hành đã tắt tiếng của bạn.
unheard-listener = Bạn chỉ dự nghe.
no-loudspeaker = Không có loa
lowered = Tay của bạn đã hạ
not-taken = Máy chủ không nhận
not-taken-text = Hãy thử lại sau giây lát.
spent = Đã dùng hết dữ liệu của cuộc họp
spent-text = Cuộc họp tiếp tục ở tốc độ thấp nhất. Nếu không muốn tốn thêm, hãy rời phòng.
understood = Đã rõ
other-link = Có liên kết tới cuộc họp khác
other-link-text = Rời cuộc họp này và sang đó?
other-link-go = Sang đó

# Lists
people = Có mặt: { $count }
messages = Tin nhắn
message = Nhắn tin
no-messages = Chưa có tin nhắn
to-operators = { $name } (nhắn điều hành)
write = Viết cho mọi người
send = Gửi
talk = Nói
log = Nhật ký
you = { $name } (bạn)

# The operator
lobby = Đang đợi vào phòng
guest-waits = đang đợi
site-acts = Việc với điểm đang chọn
room-acts = Việc với cuộc họp
hands = Giơ tay: { $names }
trouble = Gặp sự cố: { $count }
roll-stands = Điểm danh: { $here }/{ $of }
no-operator = KHÔNG CÓ ĐIỀU HÀNH
yes = Đồng ý
no = Không
typed-wrong = Không hợp lệ. Hãy sửa lại hoặc bấm Esc.

# Figures
figures = Số liệu
fig-trip = Thời gian đi và về
fig-delay = Tiếng đợi trong máy
fig-lost = Mất trên đường đến đây
fig-repaired = trong đó đã bù lại
fig-concealed = Tiếng phải đoán
fig-up-loss = Mất trên đường gửi đi
fig-up = Gửi đi
fig-down = Nhận về
fig-mb = Cuộc họp đã tốn
fig-path = Đường đi
fig-reconnects = Số lần nối lại
ms = { $number } mili giây
seconds = { $number } giây
percent = { $number }%
kbps = { $number } kbit/giây
bytes = { $number } MB
path-udp = UDP trực tiếp
path-tcp = TCP, vì UDP bị chặn

# Keys
keys = Phím tắt
key-space = Nói khi đang giữ phím
key-m = Mở hoặc tắt mic
key-h = Giơ tay hoặc hạ tay
key-enter = Trả lời câu hỏi ở trên cùng (điểm danh)
key-n = Viết tin nhắn
key-i = Số liệu đường truyền
key-s = Cài đặt
key-tab = Sang nút kế tiếp; phím cách hoặc Enter để bấm
key-esc = Quay lại
key-desk = Trong bảng các điểm, bấm chữ ghi trên nút để dùng nút đó, phím mũi tên để chọn điểm.
space = phím cách

# The end
leave = Rời họp
left = Bạn đã rời cuộc họp
ended = Cuộc họp đã kết thúc
refused = Bạn không được vào
not-reachable = Máy chủ không trả lời
tries-again = Máy sẽ tự thử lại.
failed = Có lỗi xảy ra
join-again = Vào lại
other-meeting = Cuộc họp khác
close = Đóng

# Settings
scheme = Màu sắc
scheme-system = Theo hệ thống
scheme-light = Sáng
scheme-dark = Tối
autostart = Tự chạy khi bật máy
about = Giới thiệu
about-text = Họp bằng tiếng nói trên đường truyền yếu. Phần mềm tự do theo giấy phép MIT hoặc Apache-2.0.
about-font = Phông chữ Noto Sans, bản quyền Google LLC, theo giấy phép SIL Open Font License 1.1. Cửa sổ được vẽ bởi:
