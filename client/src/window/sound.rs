//! The sound check before the first meeting: a tone, a few words, and the words back. Pure.
//!
//! It tries this computer's own microphone and loudspeaker; the bridge has no part in it, and the screen says so.

use giaoban_proto::unit::Level;

/// The loudness of the loudest moment, in dBFS, below which nobody spoke, or the microphone is deaf.
const HEARD_DBFS: f32 = -50.0;

/// Where one is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A tone is played.
    Tone,
    /// Was it heard?
    AskTone,
    /// The person speaks, and is recorded.
    Speak,
    /// Nothing was heard.
    Deaf,
    /// What was recorded is played.
    Playback,
    /// Was it heard?
    AskVoice,
    /// A device cannot be used: why, in words.
    Broken(String),
    /// All is well, or as well as the person wants it.
    Done,
}

/// What the shell has to do, and to report the end of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Play a tone.
    Tone,
    /// Record some seconds.
    Record,
    /// Play them.
    Playback,
}

/// See the module.
#[derive(Debug)]
pub struct Check {
    step: Step,
    run: Option<Run>,
}

impl Default for Check {
    fn default() -> Self {
        Self { step: Step::Tone, run: Some(Run::Tone) }
    }
}

impl Check {
    /// Where one is.
    #[must_use]
    pub const fn step(&self) -> &Step {
        &self.step
    }

    /// What is to be run, once.
    pub fn poll_run(&mut self) -> Option<Run> {
        self.run.take()
    }

    /// What was run is at its end; a recording's loudest moment comes with it.
    pub fn handle_ran(&mut self, ran: Run, loudest: Level) {
        self.step = match (ran, &self.step) {
            (Run::Tone, Step::Tone) => Step::AskTone,
            (Run::Record, Step::Speak) if loudest.dbfs() < HEARD_DBFS => Step::Deaf,
            (Run::Record, Step::Speak) => return self.go(Step::Playback, Run::Playback),
            (Run::Playback, Step::Playback) => Step::AskVoice,
            // Of a step that was left.
            _ => return,
        };
    }

    /// It could not be run.
    pub fn handle_broken(&mut self, why: String) {
        if self.step != Step::Done {
            self.step = Step::Broken(why);
        }
    }

    /// Yes, it was heard; or on with it.
    pub fn handle_yes(&mut self) {
        match self.step {
            Step::AskTone | Step::Deaf => self.go(Step::Speak, Run::Record),
            Step::AskVoice => self.step = Step::Done,
            Step::Broken(_) => self.go(Step::Tone, Run::Tone),
            Step::Tone | Step::Speak | Step::Playback | Step::Done => {}
        }
    }

    /// No, or once more.
    pub fn handle_no(&mut self) {
        match self.step {
            Step::AskTone | Step::Broken(_) => self.go(Step::Tone, Run::Tone),
            Step::AskVoice | Step::Deaf => self.go(Step::Speak, Run::Record),
            Step::Tone | Step::Speak | Step::Playback | Step::Done => {}
        }
    }

    /// The person has had enough of it.
    pub fn handle_skip(&mut self) {
        (self.step, self.run) = (Step::Done, None);
    }

    fn go(&mut self, step: Step, run: Run) {
        (self.step, self.run) = (step, Some(run));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: Level = Level::from_dbfs(-20.0);

    #[test]
    fn it_goes_through_tone_and_voice_and_back_where_something_was_not_heard() {
        let mut check = Check::default();
        assert_eq!(check.poll_run(), Some(Run::Tone));
        assert_eq!(check.poll_run(), None);
        check.handle_yes();
        assert_eq!(check.step(), &Step::Tone, "not while it plays");
        check.handle_ran(Run::Tone, LOUD);
        check.handle_no();
        assert_eq!((check.step(), check.run), (&Step::Tone, Some(Run::Tone)));
        check.handle_ran(Run::Tone, LOUD);
        check.handle_yes();
        assert_eq!(check.poll_run(), Some(Run::Record));
        check.handle_ran(Run::Tone, LOUD);
        assert_eq!(check.step(), &Step::Speak, "the end of something else");
        check.handle_ran(Run::Record, Level::from_dbfs(-70.0));
        assert_eq!(check.step(), &Step::Deaf);
        check.handle_no();
        assert_eq!(check.poll_run(), Some(Run::Record));
        check.handle_ran(Run::Record, LOUD);
        assert_eq!((check.step().clone(), check.poll_run()), (Step::Playback, Some(Run::Playback)));
        check.handle_ran(Run::Playback, LOUD);
        check.handle_yes();
        assert_eq!(check.step(), &Step::Done);
    }

    #[test]
    fn it_can_be_left_at_any_moment_and_a_broken_device_tried_again() {
        let mut check = Check::default();
        check.handle_broken("no loudspeaker".into());
        assert_eq!(check.step(), &Step::Broken("no loudspeaker".into()));
        check.handle_yes();
        assert_eq!(check.step(), &Step::Tone);
        check.handle_skip();
        check.handle_broken("late".into());
        assert_eq!((check.step().clone(), check.poll_run()), (Step::Done, None));
    }
}
