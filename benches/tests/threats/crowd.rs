//! Many at once, and what became of them.

use giaoban_proto::testing::visitor::Silence;
use giaoban_proto::transport::Lost;
use giaoban_proto::wire::CloseCode;
use std::collections::BTreeMap;
use std::fmt;
use tokio::task::JoinSet;

/// What became of each, counted.
#[derive(Debug, Default)]
pub(crate) struct Answers(BTreeMap<String, usize>);

impl Answers {
    pub(crate) fn add(&mut self, answer: String) {
        *self.0.entry(answer).or_default() += 1;
    }

    /// Those of others.
    pub(crate) fn add_all(&mut self, others: Self) {
        for (answer, count) in others.0 {
            *self.0.entry(answer).or_default() += count;
        }
    }

    pub(crate) fn of(&self, answer: &str) -> usize {
        self.0.get(answer).copied().unwrap_or(0)
    }

    pub(crate) fn all(&self) -> usize {
        self.0.values().sum()
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(|(answer, count)| format!("{answer}: {count}")).collect();
        f.write_str(&words.join(", "))
    }
}

/// How a connection ended, in a word.
pub(crate) fn closed(code: Option<CloseCode>) -> String {
    code.map_or_else(|| "lost".into(), |code| format!("{code:?}"))
}

pub(crate) fn silence(silence: Silence) -> String {
    match silence {
        Silence::Closed(code) => closed(code),
        Silence::Nonsense(_) => "nonsense".into(),
    }
}

/// Why there was no connection, in a word.
pub(crate) fn lost(lost: &Lost) -> String {
    match lost {
        Lost::Busy => "refused at the door".into(),
        Lost::Refused { code, .. } => closed(CloseCode::from_code(*code)),
        Lost::NotReachable => "no answer".into(),
        other => other.to_string(),
    }
}

/// Has `count` attackers do this, so many at a time.
pub(crate) async fn many<F>(count: usize, at_once: usize, attack: impl Fn(usize) -> F) -> Answers
where
    F: Future<Output = String> + Send + 'static,
{
    let (mut answers, mut busy) = (Answers::default(), JoinSet::new());
    for n in 0..count {
        while busy.len() >= at_once {
            answers.add(busy.join_next().await.expect("there are some").expect("no panic"));
        }
        busy.spawn(attack(n));
    }
    while let Some(answer) = busy.join_next().await {
        answers.add(answer.expect("no panic"));
    }
    answers
}
