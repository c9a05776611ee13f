//! What stands on an operator's screen, in each language. Short: it has to fit eighty columns.

use super::Lang;
use super::floor::{english_code, vietnamese_code};
use crate::console::model::{Event, Filter, Order, Outcome, Row, Trouble, Verb};
use giaoban_proto::wire::{FloorMode, NoticeKind, Recording, SiteRole};
use std::time::Duration;

const fn of(lang: Lang, english: &'static str, vietnamese: &'static str) -> &'static str {
    match lang {
        Lang::En => english,
        Lang::Vi => vietnamese,
    }
}

/// The name of a verb; `on` where it takes back what it once did.
#[must_use]
pub const fn verb(verb: Verb, on: bool, lang: Lang) -> &'static str {
    let (english, vietnamese) = match (verb, on) {
        (Verb::Grant, _) => ("give floor", "mời nói"),
        (Verb::Next, _) => ("next hand", "mời tiếp"),
        (Verb::TakeBack, _) => ("take back", "dừng lượt"),
        (Verb::Lower, _) => ("lower hand", "hạ tay"),
        (Verb::LowerAll, _) => ("lower all", "hạ hết tay"),
        (Verb::Silence, false) => ("silence", "tắt tiếng"),
        (Verb::Silence, true) => ("give voice", "cho tiếng"),
        (Verb::SilenceAll, _) => ("silence all", "tắt hết"),
        (Verb::VoiceAll, _) => ("voice to all", "mở hết"),
        (Verb::Tick, false) => ("tick present", "ghi có mặt"),
        (Verb::Tick, true) => ("untick", "bỏ có mặt"),
        (Verb::Rename, _) => ("rename", "đổi tên"),
        (Verb::Louder, _) => ("louder", "to hơn"),
        (Verb::Softer, _) => ("softer", "nhỏ hơn"),
        (Verb::Deputy, false) => ("deputy", "cử phó"),
        (Verb::Deputy, true) => ("no deputy", "bỏ phó"),
        (Verb::Expel, _) => ("put out", "cho ra"),
        (Verb::Open, _) => ("open floor", "nói tự do"),
        (Verb::Moderated, _) => ("by hands", "giơ tay"),
        (Verb::Announcement, _) => ("one speaks", "một điểm nói"),
        (Verb::Turn, _) => ("turn", "hạn lượt"),
        (Verb::RollCall, false) => ("roll call", "điểm danh"),
        (Verb::RollCall, true) => ("end roll", "thôi điểm danh"),
        (Verb::Record, false) => ("record", "ghi âm"),
        (Verb::Record, true) => ("end rec", "dừng ghi"),
        (Verb::Pause, false) => ("pause", "tạm ngừng"),
        (Verb::Pause, true) => ("go on", "ghi tiếp"),
        (Verb::Lock, false) => ("lock", "khóa phòng"),
        (Verb::Lock, true) => ("unlock", "mở khóa"),
        (Verb::Newcomers, false) => ("new muted", "mới: im"),
        (Verb::Newcomers, true) => ("new speak", "mới: nói"),
        (Verb::Play, false) => ("play", "phát tệp"),
        (Verb::Play, true) => ("stop playing", "dừng phát"),
        (Verb::Admit, _) => ("let in", "cho vào"),
        (Verb::Refuse, _) => ("turn away", "từ chối"),
        (Verb::Say, _) => ("write", "nhắn"),
        (Verb::Tell, _) => ("to operators", "nhắn điều hành"),
        (Verb::Microphone, false) => ("mic off", "tắt micrô"),
        (Verb::Microphone, true) => ("mic on", "bật micrô"),
        (Verb::TakeOver, _) => ("take over", "tiếp quản"),
        (Verb::Search, _) => ("find", "tìm"),
        (Verb::Filter, _) => ("filter", "lọc"),
        (Verb::Order, _) => ("order", "xếp"),
        (Verb::Log, _) => ("log", "nhật ký"),
        (Verb::Help, _) => ("help", "trợ giúp"),
        (Verb::Quit, _) => ("leave", "rời"),
    };
    of(lang, english, vietnamese)
}

/// What a verb does, on one line of the help.
#[must_use]
pub const fn help(verb: Verb, lang: Lang) -> &'static str {
    let (english, vietnamese) = match verb {
        Verb::Grant => ("floor to the chosen site (Enter)", "mời điểm đang chọn nói (Enter)"),
        Verb::Next => ("floor to the first hand", "mời người giơ tay trước nhất"),
        Verb::TakeBack => ("takes the floor back", "dừng lượt đang phát biểu"),
        Verb::Lower => ("takes its hand down", "hạ tay của điểm đang chọn"),
        Verb::LowerAll => ("takes all hands down", "hạ tay của mọi điểm"),
        Verb::Silence => ("takes or gives back its voice", "tắt tiếng, hoặc cho nói lại"),
        Verb::SilenceAll => ("silences all but the floor", "tắt tiếng hết, trừ người đang nói"),
        Verb::VoiceAll => ("gives all voices back", "cho tất cả được nói lại"),
        Verb::Tick => ("answers the roll call for it", "ghi hộ là có mặt, hoặc bỏ"),
        Verb::Rename => ("calls it otherwise", "đổi tên trong cuộc họp này"),
        Verb::Louder => ("3 dB louder for everybody", "to hơn 3 dB cho mọi người"),
        Verb::Softer => ("3 dB softer for everybody", "nhỏ hơn 3 dB cho mọi người"),
        Verb::Deputy => ("takes your place if you are lost", "thay bạn khi bạn mất kết nối"),
        Verb::Expel => ("puts it out of the meeting", "cho điểm này rời cuộc họp"),
        Verb::Admit => ("lets the waiting guest in", "cho khách đang đợi vào"),
        Verb::Refuse => ("turns the waiting guest away", "từ chối khách đang đợi"),
        Verb::Open => ("everybody may speak", "ai cũng được nói"),
        Verb::Moderated => ("hands up, you give the floor", "giơ tay, bạn mời từng người"),
        Verb::Announcement => ("one speaks, the others listen", "một điểm nói, các điểm khác nghe"),
        Verb::Turn => ("how long a turn may be", "mỗi lượt nói dài bao lâu"),
        Verb::RollCall => ("calls the roll, or ends it", "bắt đầu hoặc thôi điểm danh"),
        Verb::Record => ("records, or ends that", "bắt đầu hoặc dừng hẳn ghi âm"),
        Verb::Pause => ("leaves out what is said now", "tạm ngừng ghi, hoặc ghi tiếp"),
        Verb::Play => ("plays a file of the bridge's", "phát một tệp có trên máy chủ"),
        Verb::Lock => ("lets nobody new in, or again", "khóa hoặc mở cửa phòng"),
        Verb::Newcomers => ("newcomers come in silenced", "người mới vào bị tắt tiếng"),
        Verb::Say => ("writes to everybody", "nhắn cho tất cả"),
        Verb::Tell => ("writes to operators only", "chỉ nhắn người điều hành"),
        Verb::TakeOver => ("takes the lost operator's place", "tiếp quản khi mất điều hành"),
        Verb::Microphone => ("switches your own microphone", "bật tắt micrô của bạn"),
        Verb::Search => ("finds sites as you type", "tìm điểm theo tên, không cần dấu"),
        Verb::Filter => ("all, trouble, hands, no answer", "tất cả, lỗi, giơ tay, chưa có mặt"),
        Verb::Order => ("trouble, hands or names first", "xếp theo lỗi, giơ tay, hay tên"),
        Verb::Log => ("all that happened", "mọi việc đã xảy ra"),
        Verb::Help => ("this page", "trang này"),
        Verb::Quit => ("leaves; the meeting goes on", "rời; cuộc họp vẫn tiếp tục"),
    };
    of(lang, english, vietnamese)
}

/// What is asked before a verb that cannot be undone; `on` as in [`verb`].
#[must_use]
pub fn confirm(what: Verb, name: &str, lang: Lang) -> String {
    match (what, lang) {
        (Verb::Expel, Lang::En) => format!("put {name} out of the meeting?"),
        (Verb::Expel, Lang::Vi) => format!("cho {name} rời cuộc họp?"),
        (Verb::Refuse, Lang::En) => format!("turn {name} away?"),
        (Verb::Refuse, Lang::Vi) => format!("từ chối {name}?"),
        (Verb::SilenceAll, _) => of(lang, "silence all sites?", "tắt tiếng mọi điểm?").into(),
        (Verb::VoiceAll, _) => of(lang, "give all sites their voice?", "cho mọi điểm nói lại?").into(),
        (Verb::LowerAll, _) => of(lang, "take all hands down?", "hạ hết các tay?").into(),
        (Verb::Open, _) => {
            of(lang, "open the floor? all hands go down", "cho nói tự do? mọi tay sẽ hạ").into()
        }
        (Verb::Record, _) => of(lang, "end the recording?", "dừng hẳn ghi âm?").into(),
        (Verb::RollCall, _) => of(lang, "end the roll call?", "dừng điểm danh?").into(),
        (Verb::TakeOver, _) => of(lang, "run the meeting from here?", "điều hành từ đây?").into(),
        (Verb::Quit, _) => of(lang, "leave? the meeting goes on", "rời phòng? cuộc họp vẫn tiếp tục").into(),
        (other, _) => format!("{}?", verb(other, false, lang)),
    }
}

/// What is to be typed for a verb.
#[must_use]
pub fn ask(what: Verb, name: &str, lang: Lang) -> String {
    match (what, lang) {
        (Verb::Rename, Lang::En) => format!("new name of {name}:"),
        (Verb::Rename, Lang::Vi) => format!("tên mới của {name}:"),
        (Verb::Say, _) => of(lang, "to all:", "nhắn tất cả:").into(),
        (Verb::Tell, _) => of(lang, "to operators:", "nhắn điều hành:").into(),
        (Verb::Play, _) => of(lang, "file to play:", "tệp cần phát:").into(),
        (Verb::Turn, _) => of(lang, "minutes a turn (0: no limit):", "phút mỗi lượt (0: không hạn):").into(),
        (other, _) => format!("{}:", verb(other, false, lang)),
    }
}

/// A few words that stand by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Label {
    Connecting,
    Reconnecting,
    NoOperatorHere,
    MeetingWithoutOperator,
    Site,
    State,
    Level,
    Hears,
    Sends,
    RoundTrip,
    Hands,
    NoHands,
    Lobby,
    Log,
    Empty,
    Locked,
    NewcomersSilent,
    MicrophoneOff,
    MicrophoneOn,
    NoHolder,
    Yes,
    No,
    Send,
    Cancel,
    TypedWrong,
    Find,
    You,
    Deputy,
    Source,
    TwoWay,
    Space,
    Legend,
    Legend2,
}

impl Label {
    /// All of them.
    pub const ALL: [Self; 33] = [
        Self::Connecting,
        Self::Reconnecting,
        Self::NoOperatorHere,
        Self::MeetingWithoutOperator,
        Self::Site,
        Self::State,
        Self::Level,
        Self::Hears,
        Self::Sends,
        Self::RoundTrip,
        Self::Hands,
        Self::NoHands,
        Self::Lobby,
        Self::Log,
        Self::Empty,
        Self::Locked,
        Self::NewcomersSilent,
        Self::MicrophoneOff,
        Self::MicrophoneOn,
        Self::NoHolder,
        Self::Yes,
        Self::No,
        Self::Send,
        Self::Cancel,
        Self::TypedWrong,
        Self::Find,
        Self::You,
        Self::Deputy,
        Self::Source,
        Self::TwoWay,
        Self::Space,
        Self::Legend,
        Self::Legend2,
    ];

    /// In words.
    #[must_use]
    pub const fn text(self, lang: Lang) -> &'static str {
        let (english, vietnamese) = match self {
            Self::Connecting => ("connecting …", "đang kết nối …"),
            Self::Reconnecting => {
                ("CONNECTION LOST, what is shown is old", "MẤT KẾT NỐI, số liệu dưới đây đã cũ")
            }
            Self::NoOperatorHere => {
                ("this device is no operator's: look only", "máy này không có quyền điều hành")
            }
            Self::MeetingWithoutOperator => ("NO OPERATOR", "KHÔNG CÓ ĐIỀU HÀNH"),
            Self::Site => ("site", "điểm"),
            Self::State => ("state", "trạng thái"),
            Self::Level => ("level", "tiếng"),
            Self::Hears => ("hears →% wait kb", " nghe →%  trễ kb"),
            Self::Sends => ("sends →% wait kb", "  nói →%  trễ kb"),
            Self::RoundTrip => ("trip", "vòng"),
            Self::Hands => ("hands", "giơ tay"),
            Self::NoHands => ("no hands", "không ai giơ tay"),
            Self::Lobby => ("waiting to be let in", "đang đợi vào phòng"),
            Self::Log => ("what happened", "nhật ký"),
            Self::Empty => ("nobody to show", "không có điểm nào"),
            Self::Locked => ("locked", "đã khóa"),
            Self::NewcomersSilent => ("new muted", "mới: im"),
            Self::MicrophoneOff => ("your mic is off", "micrô đang tắt"),
            Self::MicrophoneOn => ("your mic is ON", "micrô đang BẬT"),
            Self::NoHolder => ("nobody has it", "chưa ai nói"),
            Self::Yes => ("y yes", "y đồng ý"),
            Self::No => ("any other key: no", "phím khác: không"),
            Self::Send => ("Enter ok", "Enter gửi"),
            Self::Cancel => ("Esc no", "Esc thôi"),
            Self::TypedWrong => ("that cannot be:", "không hợp lệ:"),
            Self::Find => ("find:", "tìm:"),
            Self::You => ("you", "bạn"),
            Self::Deputy => ("deputy", "phó"),
            Self::Source => ("source", "nguồn"),
            Self::TwoWay => ("two-way", "hai chiều"),
            Self::Space => ("space", "cách"),
            Self::Legend => (
                "hears, sends: % lost → still missing, wait in s, kbit/s of speech",
                "nghe, nói: % mất → còn thiếu, trễ bao lâu, kbit/s của tiếng nói",
            ),
            Self::Legend2 => (
                "arrows choose a site, Tab goes to the lobby, Esc goes back",
                "mũi tên: chọn điểm, Tab: sang người đợi, Esc: quay lại",
            ),
        };
        of(lang, english, vietnamese)
    }
}

/// Who may speak.
#[must_use]
pub const fn mode(mode: FloorMode, lang: Lang) -> &'static str {
    match mode {
        FloorMode::Open => of(lang, "floor open", "nói tự do"),
        FloorMode::Moderated => of(lang, "floor by hands", "giơ tay xin nói"),
        FloorMode::Announcement => of(lang, "one speaks", "một điểm nói"),
    }
}

/// How the recording stands; nothing for none.
#[must_use]
pub const fn recording(recording: Recording, lang: Lang) -> &'static str {
    match recording {
        Recording::Off => "",
        Recording::On => of(lang, "● RECORDING", "● ĐANG GHI ÂM"),
        Recording::Paused => of(lang, "● recording paused", "● tạm ngừng ghi"),
        Recording::Failed => of(lang, "● RECORDING FAILED", "● LỖI GHI ÂM"),
    }
}

/// What is wrong with a site.
#[must_use]
pub const fn trouble(trouble: Trouble, lang: Lang) -> &'static str {
    match trouble {
        Trouble::Away => of(lang, "away", "mất mạng"),
        Trouble::HearsBadly => of(lang, "hears badly", "nghe kém"),
        Trouble::NoMicrophone => of(lang, "no mic", "không có micrô"),
        Trouble::DeadMicrophone => of(lang, "mic dead", "micrô câm"),
        Trouble::HeardBadly => of(lang, "heard badly", "nói bị đứt"),
        Trouble::Clipping => of(lang, "mic too loud", "micrô quá to"),
        Trouble::Slow => of(lang, "slow line", "mạng chậm"),
    }
}

/// The state of a site in its column: what matters most of it. `left` is how long it still has the floor.
#[must_use]
pub fn state(row: &Row<'_>, left: Option<Duration>, lang: Lang) -> String {
    if let Some(away) = row.away {
        return format!("{} {}", of(lang, "away", "mất mạng"), clock(away));
    }
    if row.floor {
        let floor = of(lang, "FLOOR", "PHÁT BIỂU");
        return left.map_or_else(|| floor.into(), |left| format!("{floor} {}", clock(left)));
    }
    if let Some(place) = row.place {
        return format!("{} {place}", of(lang, "hand", "giơ tay"));
    }
    if let Some(found) = row.trouble {
        return trouble(found, lang).into();
    }
    let role = SiteRole::from_code(row.seat.role);
    match row {
        _ if row.seat.silenced => of(lang, "silenced", "bị tắt tiếng"),
        _ if role == Some(SiteRole::Listener) => of(lang, "listens", "dự nghe"),
        _ if row.seat.muted => of(lang, "mic off", "tắt micrô"),
        _ if row.is_loud() => of(lang, "speaks", "đang nói"),
        _ if role == Some(SiteRole::Operator) => of(lang, "operator", "điều hành"),
        _ if role == Some(SiteRole::Source) => of(lang, "source", "nguồn phát"),
        _ => of(lang, "here", "có mặt"),
    }
    .into()
}

/// Which sites are shown; nothing for all.
#[must_use]
pub const fn filter(filter: Filter, lang: Lang) -> &'static str {
    match filter {
        Filter::All => "",
        Filter::Trouble => of(lang, "only trouble", "chỉ điểm có lỗi"),
        Filter::Hands => of(lang, "only hands", "chỉ người giơ tay"),
        Filter::Unanswered => of(lang, "only not answered", "chỉ điểm chưa trả lời"),
    }
}

/// In which order they are.
#[must_use]
pub const fn order(order: Order, lang: Lang) -> &'static str {
    match order {
        Order::Trouble => of(lang, "trouble first", "lỗi trước"),
        Order::Hands => of(lang, "hands first", "giơ tay trước"),
        Order::Names => of(lang, "by name", "theo tên"),
    }
}

/// How many there are, and how they are.
#[must_use]
pub fn counts(sites: usize, away: usize, trouble: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{sites} {}, away {away}, trouble {trouble}", plural(sites, "site", "sites")),
        Lang::Vi => format!("{sites} điểm, mất mạng {away}, lỗi {trouble}"),
    }
}

/// How a roll call goes.
#[must_use]
pub fn roll(roll: u32, (here, of): (usize, usize), left: Option<Duration>, lang: Lang) -> String {
    let left = left.map_or_else(String::new, |left| format!(" {}", clock(left)));
    match lang {
        Lang::En => format!("roll {roll}: {here}/{of}{left}"),
        Lang::Vi => format!("điểm danh {roll}: {here}/{of}{left}"),
    }
}

/// What became of an act.
#[must_use]
pub fn outcome(what: Verb, name: &str, outcome: &Outcome, lang: Lang) -> String {
    let about = if name.is_empty() { String::new() } else { format!(" ({name})") };
    let became = match outcome {
        Outcome::Asked => "…",
        Outcome::Done(Some(giaoban_proto::wire::ActCode::Done)) => of(lang, "done", "đã xong"),
        Outcome::Done(code) => {
            let why = match lang {
                Lang::En => english_code(*code),
                Lang::Vi => vietnamese_code(*code),
            };
            let not = of(lang, "not done", "chưa làm được");
            return format!("{}{about}: {not}, {why}", verb(what, false, lang));
        }
        Outcome::NoAnswer => of(lang, "no answer; look whether it is done", "chưa có trả lời; hãy xem lại"),
        Outcome::NotNow => of(lang, "not now", "lúc này chưa được"),
    };
    format!("{}{about}: {became}", verb(what, false, lang))
}

/// Something that happened.
#[must_use]
pub fn event(event: &Event, lang: Lang) -> String {
    match lang {
        Lang::En => english_event(event),
        Lang::Vi => vietnamese_event(event),
    }
}

fn english_event(event: &Event) -> String {
    match event {
        Event::Came { name, guest: false } => format!("{name} came in"),
        Event::Came { name, guest: true } => format!("{name} came in as a guest"),
        Event::Left(name) => format!("{name} left"),
        Event::Away(name) => format!("{name}: line lost, seat kept"),
        Event::Back(name) => format!("{name} is back"),
        Event::Hand(name) => format!("{name} wants to speak"),
        Event::Floor(name) => format!("{name} has the floor"),
        Event::NoFloor => "nobody has the floor".into(),
        Event::Mode(mode) => self::mode(*mode, Lang::En).into(),
        Event::Silenced { name, silenced: true } => format!("{name} is silenced"),
        Event::Silenced { name, silenced: false } => format!("{name} has its voice back"),
        Event::Waits(name) => format!("{name} waits to be let in"),
        Event::Roll(roll) => format!("roll call {roll}"),
        Event::RollOver { roll, here, of } => format!("roll call {roll} is over: {here} of {of} present"),
        Event::Recording(Recording::Off) => "the recording has ended".into(),
        Event::Recording(Recording::On) => "the recording runs".into(),
        Event::Recording(Recording::Paused) => "the recording pauses".into(),
        Event::Recording(Recording::Failed) => "the recording FAILED: look at the bridge's disk".into(),
        Event::Locked(true) => "the room is locked".into(),
        Event::Locked(false) => "the room is unlocked".into(),
        Event::NewcomersSilent(true) => "newcomers come in silenced".into(),
        Event::NewcomersSilent(false) => "newcomers may speak".into(),
        Event::Playing(name) if name.is_empty() => "nothing is played any more".into(),
        Event::Playing(name) => format!("playing {name}"),
        Event::Operator(true) => "there is an operator again".into(),
        Event::Operator(false) => "there is NO OPERATOR".into(),
        Event::Notice { kind, name } => match kind {
            NoticeKind::CameTwice => format!("{name}: the device joined twice; revoke it if it is stolen"),
            NoticeKind::Howls => format!("{name} howled and was silenced"),
            NoticeKind::Echoes => format!("{name} sent the meeting back and was silenced"),
            NoticeKind::TookOver => format!("{name} runs the meeting now"),
            NoticeKind::RecordingFailed => "the bridge cannot write the recording".into(),
        },
        Event::Trouble { name, trouble } => format!("{name}: {}", self::trouble(*trouble, Lang::En)),
        Event::Said { name, text, to_operators: false } => format!("{name}: \"{text}\""),
        Event::Said { name, text, to_operators: true } => format!("{name}, to operators: \"{text}\""),
        Event::NotDone { aim, outcome } => self::outcome(aim.verb, &aim.name, outcome, Lang::En),
        Event::Note(text) => text.clone(),
    }
}

fn vietnamese_event(event: &Event) -> String {
    match event {
        Event::Came { name, guest: false } => format!("{name} đã vào"),
        Event::Came { name, guest: true } => format!("{name} (khách) đã vào"),
        Event::Left(name) => format!("{name} đã rời phòng"),
        Event::Away(name) => format!("{name}: mất mạng, vẫn giữ chỗ"),
        Event::Back(name) => format!("{name} đã trở lại"),
        Event::Hand(name) => format!("{name} xin phát biểu"),
        Event::Floor(name) => format!("{name} phát biểu"),
        Event::NoFloor => "không ai phát biểu".into(),
        Event::Mode(mode) => self::mode(*mode, Lang::Vi).into(),
        Event::Silenced { name, silenced: true } => format!("{name} bị tắt tiếng"),
        Event::Silenced { name, silenced: false } => format!("{name} được nói lại"),
        Event::Waits(name) => format!("{name} đang đợi vào phòng"),
        Event::Roll(roll) => format!("điểm danh lần {roll}"),
        Event::RollOver { roll, here, of } => format!("hết giờ điểm danh lần {roll}: {here}/{of} có mặt"),
        Event::Recording(Recording::Off) => "đã dừng ghi âm".into(),
        Event::Recording(Recording::On) => "đang ghi âm".into(),
        Event::Recording(Recording::Paused) => "tạm ngừng ghi âm".into(),
        Event::Recording(Recording::Failed) => "LỖI GHI ÂM: hãy xem ổ đĩa của máy chủ".into(),
        Event::Locked(true) => "phòng đã khóa".into(),
        Event::Locked(false) => "phòng đã mở khóa".into(),
        Event::NewcomersSilent(true) => "người mới vào sẽ bị tắt tiếng".into(),
        Event::NewcomersSilent(false) => "người mới vào được nói".into(),
        Event::Playing(name) if name.is_empty() => "đã dừng phát".into(),
        Event::Playing(name) => format!("đang phát {name}"),
        Event::Operator(true) => "đã lại có người điều hành".into(),
        Event::Operator(false) => "KHÔNG CÓ người điều hành".into(),
        Event::Notice { kind, name } => match kind {
            NoticeKind::CameTwice => format!("{name}: máy vào hai lần; nếu mất máy hãy thu hồi quyền"),
            NoticeKind::Howls => format!("{name} bị hú, đã tắt tiếng"),
            NoticeKind::Echoes => format!("{name} dội tiếng cuộc họp, đã tắt tiếng"),
            NoticeKind::TookOver => format!("{name} nay điều hành cuộc họp"),
            NoticeKind::RecordingFailed => "máy chủ không ghi âm được".into(),
        },
        Event::Trouble { name, trouble } => format!("{name}: {}", self::trouble(*trouble, Lang::Vi)),
        Event::Said { name, text, to_operators: false } => format!("{name}: “{text}”"),
        Event::Said { name, text, to_operators: true } => format!("{name}, nhắn điều hành: “{text}”"),
        Event::NotDone { aim, outcome } => self::outcome(aim.verb, &aim.name, outcome, Lang::Vi),
        Event::Note(text) => text.clone(),
    }
}

const fn plural(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

/// Why there is no screen.
#[must_use]
pub const fn no_terminal(lang: Lang) -> &'static str {
    of(
        lang,
        "the console needs a terminal, and this is none; `giaoban ctl` does the same from scripts",
        "bảng điều hành cần một cửa sổ dòng lệnh; trong kịch bản hãy dùng `giaoban ctl`",
    )
}

/// Minutes and seconds, and hours where there are some.
#[must_use]
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// All are there, translated, and of different verbs no two are the same.
    fn apart(texts: impl Iterator<Item = [String; 2]>) {
        let mut said: [BTreeSet<String>; 2] = Default::default();
        let mut count = 0;
        for texts in texts {
            count += 1;
            for (text, said) in texts.into_iter().zip(&mut said) {
                assert!(!text.trim().is_empty() && text.lines().count() == 1, "{text:?}");
                said.insert(text);
            }
        }
        assert_eq!(said.each_ref().map(BTreeSet::len), [count, count]);
        assert!(said[0].is_disjoint(&said[1]), "untranslated");
    }

    fn both(text: impl Fn(Lang) -> String) -> [String; 2] {
        [text(Lang::En), text(Lang::Vi)]
    }

    #[test]
    fn every_verb_has_a_name_and_a_help_of_its_own_that_fit_their_columns() {
        apart(Verb::ALL.into_iter().map(|what| both(|lang| verb(what, false, lang).into())));
        apart(Verb::ALL.into_iter().map(|what| both(|lang| help(what, lang).into())));
        for what in Verb::ALL {
            for lang in [Lang::En, Lang::Vi] {
                assert!(
                    [false, true].iter().all(|on| verb(what, *on, lang).chars().count() <= 16),
                    "{what:?}"
                );
                assert!(help(what, lang).chars().count() <= 33, "{}", help(what, lang));
                assert!(!confirm(what, "Tri Lễ", lang).is_empty() && !ask(what, "Tri Lễ", lang).is_empty());
            }
        }
        apart(Label::ALL.into_iter().map(|label| both(|lang| label.text(lang).into())));
    }

    #[test]
    fn every_event_has_one_line_of_its_own_in_each_language() {
        use crate::console::model::Aim;
        let name = || "Tri Lễ".to_owned();
        let mut events = vec![
            Event::Came { name: name(), guest: false },
            Event::Came { name: name(), guest: true },
            Event::Left(name()),
            Event::Away(name()),
            Event::Back(name()),
            Event::Hand(name()),
            Event::Floor(name()),
            Event::NoFloor,
            Event::Silenced { name: name(), silenced: true },
            Event::Silenced { name: name(), silenced: false },
            Event::Waits(name()),
            Event::Roll(2),
            Event::RollOver { roll: 2, here: 17, of: 20 },
            Event::Locked(true),
            Event::Locked(false),
            Event::NewcomersSilent(true),
            Event::NewcomersSilent(false),
            Event::Playing(String::new()),
            Event::Playing("khai-mac".into()),
            Event::Operator(true),
            Event::Operator(false),
            Event::Said { name: name(), text: "112/BC".into(), to_operators: false },
            Event::Said { name: name(), text: "112/BC".into(), to_operators: true },
        ];
        events.extend(FloorMode::ALL.map(Event::Mode));
        events.extend(Recording::ALL.map(Event::Recording));
        events.extend(NoticeKind::ALL.map(|kind| Event::Notice { kind, name: name() }));
        events.extend(Trouble::ALL.map(|trouble| Event::Trouble { name: name(), trouble }));
        let aim = || Aim { verb: Verb::Expel, member: 7, name: name() };
        let codes = giaoban_proto::wire::ActCode::ALL.map(|code| Outcome::Done(Some(code)));
        let outcomes = codes.into_iter().chain([Outcome::Done(None), Outcome::NoAnswer, Outcome::NotNow]);
        events.extend(outcomes.map(|outcome| Event::NotDone { aim: aim(), outcome }));
        apart(events.iter().map(|what| both(|lang| event(what, lang))));
    }

    #[test]
    fn clocks_are_read_at_a_glance() {
        let of = |seconds| clock(Duration::from_secs(seconds));
        assert_eq!([of(0), of(59), of(125), of(3605)], ["0:00", "0:59", "2:05", "1:00:05"]);
    }
}
