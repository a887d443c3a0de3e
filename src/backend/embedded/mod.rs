//! The gateway in a box: everything in local files, nothing else running.

pub(crate) mod agent;
mod voicewake;

use crate::backend::{Backend, Outlet};
use crate::protocol::{Method, Payload, WireError};
use crate::router::{Audience, Caller, News, Notice};
use serde_json::json;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};
use voicewake::Voicewake;

/// The embedded backend.
pub struct Embedded {
    voicewake: Voicewake,
    outlet: OnceLock<Arc<dyn Outlet>>,
}

impl Embedded {
    /// A backend that keeps its files in this state directory.
    pub fn new(state_dir: &Path) -> Self {
        Self { voicewake: Voicewake::new(state_dir), outlet: OnceLock::new() }
    }

    fn tell(&self, to: Audience, event: &str, payload: Payload) {
        if let Some(outlet) = self.outlet.get() {
            outlet.tell(News { to, event: event.into(), payload: Some(payload) });
        }
    }
}

impl Backend for Embedded {
    fn start(&self, outlet: Arc<dyn Outlet>) {
        // A second start would be a second bridge; the first one keeps the backend.
        let _ = self.outlet.set(outlet);
    }

    fn call(&self, _: &Caller, method: Method, params: Option<&str>) -> Result<Payload, WireError> {
        match method {
            // The apps read `ok` and nothing else (protocol section 5.1).
            Method::Health => Ok(json!({ "ok": true, "ts": now_ms() }).to_string().into()),
            Method::VoicewakeGet => Ok(self.voicewake.payload()),
            Method::VoicewakeSet => {
                let payload = self.voicewake.set(params, now_ms())?;
                self.tell(Audience::Everyone, "voicewake.changed", payload.clone());
                Ok(payload)
            }
            other => Err(WireError::unavailable(format!("this gateway does not provide {other}"))),
        }
    }

    fn notice(&self, notice: Notice) {
        if let Notice::Online(node) = notice {
            self.tell(Audience::Node(node), "voicewake.changed", self.voicewake.payload());
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::NodeId;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Heard(Mutex<Vec<News>>);

    impl Outlet for Heard {
        fn tell(&self, news: News) {
            self.0.lock().unwrap().push(news);
        }
    }

    #[test]
    fn new_words_are_kept_and_everybody_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let heard = Arc::new(Heard::default());
        let backend = Embedded::new(dir.path());
        backend.start(heard.clone());
        let params = r#"{"triggers":["  hey ","",5,"computer"]}"#;
        let result = backend.call(&Caller::Operator, Method::VoicewakeSet, Some(params)).unwrap();
        assert_eq!(&*result, r#"{"triggers":["hey","computer"]}"#);
        let news = heard.0.lock().unwrap().pop().unwrap();
        assert_eq!((news.to, &*news.event), (Audience::Everyone, "voicewake.changed"));
        assert_eq!(news.payload.unwrap(), result);

        let later = Embedded::new(dir.path());
        assert_eq!(later.call(&Caller::Operator, Method::VoicewakeGet, None).unwrap(), result);
    }

    #[test]
    fn an_admitted_node_is_told_the_words() {
        let dir = tempfile::tempdir().unwrap();
        let heard = Arc::new(Heard::default());
        let backend = Embedded::new(dir.path());
        backend.start(heard.clone());
        let node = NodeId::new("phone").unwrap();
        backend.notice(Notice::Online(node.clone()));
        let news = heard.0.lock().unwrap().pop().unwrap();
        assert_eq!(news.to, Audience::Node(node));
        assert_eq!(&*news.payload.unwrap(), r#"{"triggers":["clawd","claude","computer"]}"#);
    }
}
