//! Why a line is no more, in each language: what happened and what to do.

use super::Lang;
use crate::session::Loss;
use giaoban_proto::wire::CloseCode;

pub(super) fn loss(loss: Loss, host: &str, lang: Lang) -> String {
    match loss {
        Loss::Closed(of) => code(of, lang).into(),
        Loss::ClosedUnknown(code) => lang.with("loss-closed-unknown", &[("code", &code)]),
        Loss::WrongKey => lang.with("loss-wrong-key", &[("host", &host)]),
        Loss::NotProved => lang.with("loss-not-proved", &[("host", &host)]),
        Loss::NoWelcome => lang.with("loss-no-welcome", &[("host", &host)]),
        Loss::OtherVersion => lang.with("loss-other-version", &[("host", &host)]),
        Loss::NoAddress => lang.with("loss-no-address", &[("host", &host)]),
        Loss::Broken => lang.with("loss-broken", &[("host", &host)]),
    }
}

pub(super) fn code(code: CloseCode, lang: Lang) -> &'static str {
    lang.text(match code {
        CloseCode::Bye => "loss-code-bye",
        CloseCode::BadMessage => "loss-code-bad-message",
        CloseCode::Version => "loss-code-version",
        CloseCode::NotAdmitted => "loss-code-not-admitted",
        CloseCode::NoSuchRoom => "loss-code-no-such-room",
        CloseCode::Full => "loss-code-full",
        CloseCode::Replaced => "loss-code-replaced",
        CloseCode::TooSlow => "loss-code-too-slow",
        CloseCode::Overrun => "loss-code-overrun",
        CloseCode::Stopping => "loss-code-stopping",
        CloseCode::Internal => "loss-code-internal",
        CloseCode::Expelled => "loss-code-expelled",
        CloseCode::Revoked => "loss-code-revoked",
        CloseCode::NotLetIn => "loss-code-not-let-in",
        CloseCode::WrongPin => "loss-code-wrong-pin",
        CloseCode::TryLater => "loss-code-try-later",
        CloseCode::InvitationUsed => "loss-code-invitation-used",
        CloseCode::InvitationExpired => "loss-code-invitation-expired",
        CloseCode::Locked => "loss-code-locked",
        CloseCode::NoGuests => "loss-code-no-guests",
        CloseCode::NoSource => "loss-code-no-source",
        CloseCode::Busy => "loss-code-busy",
    })
}
