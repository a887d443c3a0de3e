//! One conversation has several names, and the apps drop what comes under another one than theirs.

use crate::support::apps::{App, Chat};
use crate::support::Daemon;
use serde_json::json;

#[test]
fn everybody_reads_the_spelling_they_subscribed_with() {
    let daemon = Daemon::start();
    let mut alice = App::paired(&daemon, "alice");
    let mut bob = App::paired(&daemon, "bob");
    let mut carol = App::paired(&daemon, "carol");
    alice.subscribe("main");
    bob.subscribe("agent:main:main");
    carol.subscribe("other");
    for (sender, key) in [(0, "main"), (1, "agent:main:main")] {
        let run = format!("run-{sender}");
        let app = if sender == 0 { &mut alice } else { &mut bob };
        app.send(key, "hi", &run);
        assert_eq!(alice.end_of(&run).session_key, "main");
        assert_eq!(bob.end_of(&run).session_key, "agent:main:main");
    }
    assert_eq!(carol.chats_so_far(), []);
    assert_eq!(alice.history("main").session_id, bob.history("agent:main:main").session_id);
}

/// A screen of an app: it drops what is not spelled as its own key, and shows the rest.
struct Screen {
    key: &'static str,
    shown: Vec<Chat>,
}

/// What each screen shows of a run once all of them have seen its end.
fn shown(app: &mut App, screens: &[&'static str], run: &str) -> Vec<Vec<Chat>> {
    let open = |key: &&'static str| Screen { key, shown: Vec::new() };
    let mut screens: Vec<Screen> = screens.iter().map(open).collect();
    let has_ended = |screen: &Screen| screen.shown.last().is_some_and(|c| c.state != "delta");
    let show = |screens: &mut [Screen], chat: Chat| {
        let own = screens.iter_mut().find(|screen| screen.key == chat.session_key);
        own.expect("a screen with this spelling").shown.push(chat);
    };
    while !screens.iter().all(has_ended) {
        show(&mut screens, app.chat());
    }
    app.chats_so_far().into_iter().for_each(|chat| show(&mut screens, chat));
    assert!(screens.iter().flat_map(|screen| &screen.shown).all(|chat| chat.run == run));
    screens.into_iter().map(|screen| screen.shown).collect()
}

#[test]
fn an_app_with_two_screens_on_one_conversation_hears_everything_once_on_each() {
    const SCREENS: [&str; 2] = ["main", "agent:main:main"];
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    SCREENS.iter().for_each(|key| app.subscribe(key));
    let sequence = |chats: &[Chat]| chats.iter().map(|chat| chat.seq).collect::<Vec<_>>();
    for key in SCREENS {
        let run = format!("from {key}");
        app.send(key, "hi", &run);
        let on = shown(&mut app, &SCREENS, &run);
        assert!(sequence(&on[0]).is_sorted_by(|one, next| one < next), "{on:?}");
        assert_eq!(sequence(&on[0]), sequence(&on[1]));
        assert_eq!(on[0].last().unwrap().text, on[1].last().unwrap().text);
    }
    // One screen is left; the other one goes on, across a short loss, too.
    app.tell("chat.unsubscribe", &json!({ "sessionKey": "agent:main:main" }));
    app.send("main", "hi", "on one screen");
    shown(&mut app, &["main"], "on one screen");
    let mut app = App::again(&daemon, "alice", &app.phone.token.clone());
    app.send("agent:main:main", "hi", "after a loss");
    shown(&mut app, &["main"], "after a loss");
}
