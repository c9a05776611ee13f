//! What giaoban's window looks like: the files in `ui/`, and nothing else.
//!
//! ```text
//!   ui/app.slint      the window: one page, and at most one sheet and one question over it
//!      start.slint    before a meeting, the sound check, the end
//!      meeting.slint  in it; desk.slint is the operator's panel, rows.slint one line of a list
//!      parts.slint    a button, a field, a meter, a switch
//!      theme.slint    colours, sizes, words
//!      state.slint    `Show`, what is shown, and `Do`, what the person does
//! ```
//!
//! A crate of its own because the Rust that Slint makes of these files takes a minute to compile, and has no need to do so
//! each time that something else in the client changes. It decides nothing: `giaoban_client::window` sets `Show` and hears
//! `Do`.

slint::include_modules!();
