//! The extractor of media, which reads while the line arrives, against a plain parser.
#![no_main]

use base64::Engine;
use libfuzzer_sys::fuzz_target;
use openclaw_bridge::fuzz::media;
use serde_json::Value;

fuzz_target!(|data: (u8, &[u8])| {
    let mut line = data.1.to_vec();
    line.retain(|byte| *byte != b'\n');
    line.push(b'\n');
    let found = media(&line, 1 + usize::from(data.0));
    assert_eq!(found, media(&line, 64 * 1024), "it depends on the size of the buffer");
    let Some((rest, bytes)) = found else { return };
    let Ok(Value::Object(whole)) = serde_json::from_slice::<Value>(&line) else { return };
    // Keys that are there twice mean different things to different readers.
    let text = String::from_utf8_lossy(&line);
    if text.matches("payload").count() > 2
        || text.matches("base64").count() > 1
        || text.contains('\\')
    {
        return;
    }
    let plain = whole.get("payload").and_then(|payload| payload.get("payload")?.get("base64"));
    let plain = plain.and_then(Value::as_str);
    assert_eq!(bytes.is_some(), plain.is_some(), "{text}");
    let (Some(bytes), Some(plain)) = (bytes, plain) else { return };
    if let Ok(decoded) = base64::prelude::BASE64_STANDARD.decode(plain) {
        assert_eq!(decoded, bytes);
    }
    assert!(serde_json::from_slice::<Value>(&rest).is_ok());
});
