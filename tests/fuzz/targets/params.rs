//! The parameters of each method, under a cap on memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_bridge::protocol::rpc::{chat, sessions, settings, system, Params};
use openclaw_bridge_fuzz::within;

fn read<P: Params>(text: Option<&str>) {
    let room = 64 * text.map_or(0, str::len) + 64 * 1024;
    if let Ok(params) = within(room, || P::decode(text)) {
        // What was accepted is accepted again as it is sent on.
        let again = serde_json::to_string(&params).expect("parameters are JSON");
        assert!(P::decode(Some(&again)).is_ok(), "{again}");
    }
}

fuzz_target!(|data: (u8, String)| {
    let (method, text) = (data.0, Some(data.1.as_str()));
    match method % 14 {
        0 => read::<chat::ChatSend>(text),
        1 => read::<chat::ChatHistory>(text),
        2 => read::<chat::ChatAbort>(text),
        3 => read::<chat::ChatInject>(text),
        4 => read::<sessions::SessionsList>(text),
        5 => read::<sessions::SessionsResolve>(text),
        6 => read::<sessions::SessionsPatch>(text),
        7 => read::<sessions::SessionsReset>(text),
        8 => read::<sessions::SessionsDelete>(text),
        9 => read::<sessions::SessionsCompact>(text),
        10 => read::<settings::ConfigSet>(text),
        11 => read::<settings::ConfigPatch>(text),
        12 => read::<system::WakeWords>(text),
        _ => read::<system::TalkMode>(text),
    }
});
