//! A launcher that plays a program: it asks at the desk, prints, and ends.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;

use super::{Bridge, Flow, Launch, LaunchError, Launcher, Lines, Ran, RunEnd, Setup};
use crate::testing::PRICE;

/// What the program does.
#[derive(Default)]
pub(crate) struct Play {
    pub(crate) output: Vec<u8>,
    pub(crate) calls: Vec<(&'static str, Value)>,
    pub(crate) exit: i32,
    pub(crate) last_words: &'static str,
    pub(crate) launches: Mutex<Vec<Launch>>,
}

impl Play {
    pub(crate) fn printing(output: impl Into<Vec<u8>>) -> Self {
        Self { output: output.into(), ..Self::default() }
    }

    pub(crate) fn setup(self) -> (Setup, Arc<Self>) {
        let play = Arc::new(self);
        let bridge =
            Bridge { program: "/opt/lo ki".into(), arguments: vec!["__mcp".into()], variable: "LOKI_DOOR" };
        let setup = Setup {
            model: Some("m-1".into()),
            price: Some(PRICE),
            base_url: None,
            bridge,
            answer: None,
            launcher: Arc::clone(&play) as Arc<dyn Launcher>,
            seconds_max: 60,
        };
        (setup, play)
    }

    /// The only launch there was.
    pub(crate) fn launched(&self) -> Launch {
        let mut launches = self.launches.lock().unwrap();
        assert_eq!(launches.len(), 1);
        launches.remove(0)
    }
}

#[async_trait]
impl Launcher for Play {
    async fn launch(&self, launch: Launch, lines: &mut dyn Lines) -> Result<Ran, LaunchError> {
        for (tool, input) in &self.calls {
            launch.desk.call(tool, input.clone());
        }
        self.launches.lock().unwrap().push(launch);
        let stopped = self.output.chunks(7).any(|piece| lines.take(piece) == Flow::Stop);
        let end = if stopped { RunEnd::Stopped } else { RunEnd::Exited(self.exit) };
        Ok(Ran { end, last_words: self.last_words.into() })
    }
}
