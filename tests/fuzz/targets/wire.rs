//! Lines of both directions: what has been written is read, and written the same again; reading a
//! line takes no more memory than the line deserves.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_bridge::protocol::limits::LINE_BUFFER_KEPT;
use openclaw_bridge::protocol::operator::OperatorRequest;
use openclaw_bridge::protocol::{GatewayFrame, NodeFrame};
use openclaw_bridge_fuzz::within;

fuzz_target!(|line: &[u8]| {
    let room = 16 * line.len() + 64 * 1024;
    if let Some(Ok(frame)) = within(room, || NodeFrame::decode(line)) {
        round_trip(
            |text| frame.encode(text),
            |line, text| match NodeFrame::decode(line) {
                Some(Ok(again)) => again.encode(text),
                other => panic!("{other:?}"),
            },
        );
    }
    if let Some(Ok(frame)) = within(room, || GatewayFrame::decode(line)) {
        round_trip(
            |text| frame.encode(text),
            |line, text| match GatewayFrame::decode(line) {
                Some(Ok(again)) => again.encode(text),
                other => panic!("{other:?}"),
            },
        );
    }
    within(room, || OperatorRequest::decode(line));
    long_lines_read_the_same(line);
});

fn round_trip(encode: impl Fn(&mut Vec<u8>), again: impl Fn(&[u8], &mut Vec<u8>)) {
    let (mut one, mut two) = (Vec::new(), Vec::new());
    encode(&mut one);
    // A frame of an unknown type is not sent on.
    let Some((last, line)) = one.split_last() else { return };
    assert!(*last == b'\n' && !line.contains(&b'\n'), "a frame is one line");
    again(line, &mut two);
    assert_eq!(String::from_utf8(one), String::from_utf8(two));
}

/// Long lines are read in another way, in which their payload stays where it is.
fn long_lines_read_the_same(line: &[u8]) {
    let Ok(text) = std::str::from_utf8(line) else { return };
    let Some(fields) = text.trim_start().strip_prefix('{') else { return };
    let padding = "x".repeat(LINE_BUFFER_KEPT);
    let long = format!("{{\"padding\":\"{padding}\",{fields}");
    let short = NodeFrame::decode(long.as_bytes()).and_then(Result::ok);
    let kept = NodeFrame::decode_line(&mut long.clone().into_bytes()).and_then(Result::ok);
    assert_eq!(kept, short);
    let short = GatewayFrame::decode(long.as_bytes()).and_then(Result::ok);
    let kept = GatewayFrame::decode_line(&mut long.into_bytes()).and_then(Result::ok);
    assert_eq!(kept, short);
}
