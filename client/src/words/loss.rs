//! Why a line is no more, in each language: what happened and what to do.

use crate::session::Loss;
use giaoban_proto::wire::CloseCode;

pub(super) fn english_loss(loss: Loss, host: &str) -> String {
    match loss {
        Loss::Closed(code) => code.text().into(),
        Loss::ClosedUnknown(code) => {
            format!("the bridge is newer and gave reason {code}; update this program")
        }
        Loss::WrongKey => {
            format!(
                "{host} is not the bridge that the link names; do not go on, ask the district for a new link"
            )
        }
        Loss::NotProved => {
            format!(
                "{host} is not the bridge of that meeting; do not go on, ask the district for its address or a link"
            )
        }
        Loss::NoWelcome => {
            format!("{host} answers and lets nobody in; try again, then tell the bridge's operator")
        }
        Loss::OtherVersion => {
            format!(
                "what answers at {host} speaks another version; update this program, or try another network"
            )
        }
        Loss::NoAddress => {
            format!("the name {host} has no address; check the network cable or Wi-Fi, then the link")
        }
        Loss::Broken => {
            format!(
                "{host} is not reachable; check the network cable or Wi-Fi, then ask whether the bridge runs"
            )
        }
    }
}

pub(super) fn vietnamese_loss(loss: Loss, host: &str) -> String {
    match loss {
        Loss::Closed(code) => vietnamese_code(code).into(),
        Loss::ClosedUnknown(code) => {
            format!("máy chủ dùng phiên bản mới hơn và báo lý do {code}; hãy cập nhật chương trình này")
        }
        Loss::WrongKey => format!(
            "{host} không phải là máy chủ ghi trong liên kết; đừng tiếp tục, hãy xin huyện một liên kết mới"
        ),
        Loss::NotProved => format!(
            "{host} không phải là máy chủ của cuộc họp đó; đừng tiếp tục, hãy hỏi huyện địa chỉ hoặc xin một liên kết"
        ),
        Loss::NoWelcome => {
            format!("{host} có trả lời nhưng chưa cho vào; hãy thử lại, rồi báo người quản trị máy chủ")
        }
        Loss::OtherVersion => format!(
            "đầu trả lời ở {host} dùng phiên bản khác; hãy cập nhật chương trình này, hoặc thử một mạng khác"
        ),
        Loss::NoAddress => {
            format!(
                "không tìm thấy địa chỉ của {host}; hãy kiểm tra dây mạng hoặc Wi-Fi, rồi kiểm tra liên kết"
            )
        }
        Loss::Broken => format!(
            "không liên lạc được với {host}; hãy kiểm tra dây mạng hoặc Wi-Fi, rồi hỏi xem máy chủ có đang chạy không"
        ),
    }
}

const fn vietnamese_code(code: CloseCode) -> &'static str {
    match code {
        CloseCode::Bye => "đã rời cuộc họp theo yêu cầu",
        CloseCode::BadMessage => {
            "đầu bên kia gửi thông điệp không hiểu được; hãy cập nhật chương trình cũ hơn"
        }
        CloseCode::Version => "máy chủ dùng phiên bản khác; hãy cập nhật chương trình này",
        CloseCode::NotAdmitted => "thiết bị này chưa được phép vào; hãy xin huyện một liên kết tham gia mới",
        CloseCode::NoSuchRoom => "máy chủ không có phòng nào tên như vậy; hãy kiểm tra lại liên kết",
        CloseCode::Full => "phòng đã đầy; hãy đề nghị huyện tăng giới hạn",
        CloseCode::Replaced => "thiết bị này vừa tham gia lại từ nơi khác; phiên này kết thúc",
        CloseCode::TooSlow => "máy chủ không nhận được yêu cầu tham gia kịp thời; hãy thử lại",
        CloseCode::Overrun => "đường truyền không theo kịp cuộc họp; hãy thử lại",
        CloseCode::Stopping => "máy chủ đang dừng; nó sẽ hoạt động trở lại",
        CloseCode::Internal => "máy chủ không tra cứu được thiết bị này; hãy báo người quản trị máy chủ",
        CloseCode::Expelled => "người điều hành đã cho điểm này rời cuộc họp; hãy hỏi huyện",
        CloseCode::Revoked => "điểm này không còn được phép vào; hãy xin huyện một giấy mời mới",
        CloseCode::NotLetIn => "người điều hành không cho vào; hãy hỏi huyện",
        CloseCode::WrongPin => "sai mã PIN; hãy hỏi huyện mã PIN của cuộc họp này",
        CloseCode::TryLater => "đã thử sai mã PIN quá nhiều lần; hãy đợi vài phút rồi thử lại",
        CloseCode::InvitationUsed => "giấy mời này đã dùng cho một máy khác; hãy xin huyện giấy mời mới",
        CloseCode::InvitationExpired => "giấy mời này đã quá hạn; hãy xin huyện giấy mời mới",
        CloseCode::Locked => "người điều hành đã khóa phòng; hãy đề nghị huyện cho vào",
        CloseCode::NoGuests => "phòng này không nhận khách; hãy xin huyện một giấy mời",
        CloseCode::NoSource => {
            "điểm này không được đưa cuộc họp khác vào; hãy xin huyện vai trò điều hành hoặc nguồn phát"
        }
        CloseCode::Busy => "máy chủ đang bận; hãy thử lại sau một phút",
    }
}
