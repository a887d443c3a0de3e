//! Our frames against those of the usual crate: what one writes, the other reads, and what one
//! refuses, so does the other.

use super::websocket::{closing, encode, Decoder, Message, Opcode, Violation};
use std::io::{self, Read, Write};
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message as Theirs, WebSocket};

const MOST: usize = 1 << 20;

/// A socket whose other side has sent `input` and gone.
struct Socket<'a> {
    input: &'a [u8],
    output: Vec<u8>,
}

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The numbers that a seed leads to.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }

    fn text(&mut self) -> String {
        let most = [3, 130, 70_000][self.below(3)];
        let length = self.below(most);
        "aé€😀\"\\".chars().cycle().skip(self.below(5)).take(length).collect()
    }
}

fn theirs(role: Role, input: &[u8]) -> WebSocket<Socket<'_>> {
    let config = WebSocketConfig::default().max_message_size(Some(MOST)).max_frame_size(Some(MOST));
    WebSocket::from_raw_socket(Socket { input, output: Vec::new() }, role, Some(config))
}

/// What we read out of `input`, which arrives in pieces.
fn ours(mut input: &[u8], piece: usize) -> (Vec<Message>, Result<(), Violation>) {
    let (mut decoder, mut messages) = (Decoder::new(MOST), Vec::new());
    while !input.is_empty() {
        match decoder.take(&input[..piece.min(input.len())]) {
            Ok((used, message)) => {
                input = &input[used..];
                messages.extend(message);
            }
            Err(violation) => return (messages, Err(violation)),
        }
    }
    (messages, Ok(()))
}

#[test]
fn what_we_write_the_other_side_reads() {
    let mut chance = Chance(0x5eed);
    for _ in 0..200 {
        let text = chance.text();
        let mask = (chance.below(1 << 31) as u32).to_be_bytes();
        let mut bytes = encode(Opcode::Ping, b"?", mask);
        bytes.extend(encode(Opcode::Text, text.as_bytes(), mask));
        bytes.extend(encode(Opcode::Close, &closing(1000, "bye"), mask));
        let mut server = theirs(Role::Server, &bytes);
        assert_eq!(server.read().unwrap(), Theirs::Ping(b"?".to_vec().into()));
        assert_eq!(server.read().unwrap(), Theirs::text(text));
        let close = CloseFrame { code: CloseCode::Normal, reason: "bye".into() };
        assert_eq!(server.read().unwrap(), Theirs::Close(Some(close)));
    }
}

/// Frames as a gateway may send them, in parts and with others between the parts.
fn frames(chance: &mut Chance) -> (Vec<u8>, Vec<String>) {
    let (mut server, mut texts) = (theirs(Role::Server, &[]), Vec::new());
    for _ in 0..=chance.below(4) {
        let text = chance.text();
        let mut rest = text.as_bytes().to_vec();
        let mut data = Data::Text;
        loop {
            let part: Vec<u8> = rest.drain(..chance.below(rest.len() + 1)).collect();
            let is_last = rest.is_empty();
            let frame = Frame::message(part, OpCode::Data(data), is_last);
            server.write(Theirs::Frame(frame)).unwrap();
            if chance.below(3) == 0 {
                let ping = Frame::ping(b"ping".to_vec());
                server.write(Theirs::Frame(ping)).unwrap();
            }
            if is_last {
                break;
            }
            data = Data::Continue;
        }
        texts.push(text);
    }
    server.flush().unwrap();
    (server.get_ref().output.clone(), texts)
}

#[test]
fn what_the_other_side_writes_we_read_however_it_arrives() {
    let mut chance = Chance(0xfeed);
    for _ in 0..100 {
        let (bytes, texts) = frames(&mut chance);
        for piece in [1, 7, 4096, usize::MAX] {
            let (messages, result) = ours(&bytes, piece);
            assert_eq!(result, Ok(()));
            let read = messages.into_iter().filter_map(|message| match message {
                Message::Text(text) => Some(text),
                other => {
                    assert_eq!(other, Message::Ping(b"ping".to_vec()));
                    None
                }
            });
            assert_eq!(read.collect::<Vec<_>>(), texts);
        }
    }
}

/// The texts before the first mistake, and whether there was one.
fn their_reading(bytes: &[u8]) -> (Vec<String>, bool) {
    let mut client = theirs(Role::Client, bytes);
    let mut texts = Vec::new();
    loop {
        match client.read() {
            Ok(Theirs::Text(text)) => texts.push(text.to_string()),
            // We take only text, and nothing after a close.
            Ok(Theirs::Binary(_)) => return (texts, true),
            Ok(Theirs::Close(_)) => return (texts, false),
            Ok(_) => {}
            Err(tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => return (texts, false),
            // They look at a text before all of it is there.
            Err(tungstenite::Error::Utf8(_)) => return (texts, false),
            Err(_) => return (texts, true),
        }
    }
}

#[test]
fn damaged_frames_are_read_as_the_other_side_reads_them() {
    let mut chance = Chance(0xbad);
    let mut mistakes = 0;
    for round in 0..20_000 {
        let (mut bytes, _) = match round % 50 {
            0 => frames(&mut chance),
            _ => (vec![0x81, 2, b'o', b'k', 0x01, 1, b'x', 0x89, 1, 0, 0x80, 1, b'y'], vec![]),
        };
        for _ in 0..=chance.below(3) {
            let at = chance.below(bytes.len());
            bytes[at] = chance.below(256) as u8;
        }
        let (messages, result) = ours(&bytes, 5);
        let mut texts = Vec::new();
        let mut closed = false;
        for message in messages {
            match message {
                Message::Text(text) => texts.push(text),
                Message::Close(..) => {
                    closed = true;
                    break;
                }
                _ => {}
            }
        }
        let (their_texts, is_mistake) = their_reading(&bytes);
        assert_eq!(texts, their_texts, "{bytes:x?}");
        if is_mistake {
            assert!(result.is_err() || closed, "{bytes:x?}");
            mistakes += 1;
        }
    }
    assert!(mistakes > 1000, "{mistakes}");
}

#[test]
fn what_is_announced_takes_no_memory_and_what_is_too_long_is_refused() {
    let mut head = vec![0x81, 127];
    head.extend((MOST as u64 + 1).to_be_bytes());
    let (_, refused) = ours(&head, 100);
    assert_eq!(refused.map_err(|violation| violation.code), Err(1009));
    let mut parts = Vec::new();
    for first in [0x01, 0x00] {
        parts.extend([first, 127]);
        parts.extend((MOST as u64 / 2 + 1).to_be_bytes());
        parts.resize(parts.len() + MOST / 2 + 1, b'x');
    }
    let (_, refused) = ours(&parts, 4096);
    assert_eq!(refused.map_err(|violation| violation.code), Err(1009));
}
