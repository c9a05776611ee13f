# Kiểm tra đường truyền.

check-trickle = đo độ trễ
check-up = đang gửi { $rate }
check-down = đang nhận
check-asking = đang hỏi máy chủ đã nhận được gì
check-progress = đang kiểm tra đường truyền, { $percent } %: { $doing } …
check-talk = đường truyền đủ tốt để nói và nghe
check-listen = đường truyền chỉ đủ để nghe: người khác có thể không hiểu bạn nói gì
check-not-now = đường truyền lúc này chưa dùng để họp được
check-to-bridge = tới máy chủ
check-from-bridge = từ máy chủ
check-in-a-row = , trung bình { $burst } gói liền nhau
check-direction = { $name }: { $rate }, mất { $loss } %{ $row }, độ rung { $jitter } ms
check-rest = độ trễ khứ hồi { $round } ms; lần kiểm tra này dùng { $megabytes } MB
check-refused = chưa kiểm tra được: { $why }
check-no-answer = không có trả lời: { $why }
check-at-least = ít nhất { $rate }
check-good = tốc độ, tỷ lệ mất gói và độ trễ đều đủ cho tiếng nói
check-silent = đường truyền bị im trong lúc kiểm tra; hãy kiểm tra dây mạng hoặc Wi-Fi, dời ăng-ten, rồi kiểm tra lại
check-down-rate = chỉ nhận được { $rate } từ máy chủ, cần 8 để nghe và 12 để tham gia; hãy tắt những thứ khác đang dùng mạng, rồi kiểm tra lại
check-down-loss = mất { $loss } những gì máy chủ gửi; hãy dời ăng-ten hoặc dùng dây mạng, rồi kiểm tra lại
check-up-rate = chỉ gửi được { $rate } tới máy chủ, tiếng nói cần 12; hãy tắt những thứ khác đang dùng mạng, rồi kiểm tra lại
check-up-loss = mất { $loss } những gì gửi đi; hãy dời ăng-ten hoặc dùng dây mạng, rồi kiểm tra lại
check-slow = đi và về mất { $round } ms, trên 1500 thì mọi người nói chồng lên nhau; hãy tắt những thứ khác đang dùng mạng, hoặc dùng mạng khác
