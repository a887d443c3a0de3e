//! WebSocket frames (RFC 6455), the client's side of them: text only, no extensions. Pure; written
//! here because a client needs this little, and the usual crate brings thirty others. Its tests
//! play it against that crate.

use std::borrow::Cow;

/// The bytes of a control frame's payload.
const CONTROL_BYTES: usize = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

/// What the gateway sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Text(String),
    Ping(Vec<u8>),
    Pong,
    /// Its code, if it has one, and why.
    Close(Option<u16>, String),
}

/// What the gateway may not send, and the code with which the connection is closed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(super) code: u16,
    pub(super) what: &'static str,
}

impl Violation {
    fn protocol(what: &'static str) -> Self {
        Self { code: 1002, what }
    }

    fn not_text() -> Self {
        Self { code: 1007, what: "something that is not text" }
    }

    fn too_long() -> Self {
        Self { code: 1009, what: "a message that is too long" }
    }
}

/// One frame, masked as everything from a client is.
pub(super) fn encode(opcode: Opcode, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    const FIN: u8 = 0x80;
    const MASKED: u8 = 0x80;
    let mut frame = Vec::with_capacity(payload.len() + 14);
    frame.push(FIN | opcode as u8);
    let length = payload.len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => frame.push(MASKED | short),
        (_, Ok(medium)) => {
            frame.push(MASKED | 126);
            frame.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            frame.push(MASKED | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    let start = frame.len();
    frame.extend_from_slice(payload);
    for chunk in frame[start..].chunks_mut(4) {
        chunk.iter_mut().zip(mask).for_each(|(byte, key)| *byte ^= key);
    }
    frame
}

/// The content of a close frame. The reason must be short.
pub(super) fn closing(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// Puts messages together from bytes, however they arrive. What it holds grows with what has come,
/// not with what a frame announces.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Bytes that a message may have.
    most: usize,
    /// The beginning of a frame, until all of its head is there.
    head: Vec<u8>,
    frame: Option<Frame>,
    /// The text message that is arriving, in one or many frames.
    text: Option<Vec<u8>>,
    control: Vec<u8>,
}

/// A frame whose payload is arriving.
#[derive(Clone, Copy, Debug)]
struct Frame {
    is_last: bool,
    opcode: Opcode,
    left: u64,
}

impl Decoder {
    pub(super) fn new(most: usize) -> Self {
        Self { most, head: Vec::new(), frame: None, text: None, control: Vec::new() }
    }

    /// Takes bytes up to the end of the next message. Returns how many, and the message if it is
    /// whole.
    pub(super) fn take(&mut self, input: &[u8]) -> Result<(usize, Option<Message>), Violation> {
        let mut used = 0;
        loop {
            let Some(frame) = &mut self.frame else {
                let Some(byte) = input.get(used) else { return Ok((used, None)) };
                self.head.push(*byte);
                used += 1;
                if let Some(frame) = read_head(&self.head)? {
                    self.head.clear();
                    self.begin(frame)?;
                }
                continue;
            };
            let wanted = usize::try_from(frame.left).unwrap_or(usize::MAX);
            let part = &input[used..][..wanted.min(input.len() - used)];
            used += part.len();
            frame.left -= part.len() as u64;
            let frame = *frame;
            match &mut self.text {
                Some(text) if !frame.is_control() => text.extend_from_slice(part),
                _ => self.control.extend_from_slice(part),
            }
            if frame.left > 0 {
                return Ok((used, None));
            }
            self.frame = None;
            if let Some(message) = self.end(frame)? {
                return Ok((used, Some(message)));
            }
        }
    }

    fn begin(&mut self, frame: Frame) -> Result<(), Violation> {
        match (frame.opcode, &self.text) {
            (Opcode::Text, Some(_)) => return Err(Violation::protocol("a message in a message")),
            (Opcode::Continuation, None) => {
                return Err(Violation::protocol("a part of no message"));
            }
            (Opcode::Text, None) => self.text = Some(Vec::new()),
            _ => {}
        }
        if frame.is_control() {
            if !frame.is_last || frame.left > CONTROL_BYTES as u64 {
                return Err(Violation::protocol("a control frame that is long or in parts"));
            }
        } else if self.text.as_ref().map_or(0, Vec::len) as u64 + frame.left > self.most as u64 {
            return Err(Violation::too_long());
        }
        self.frame = Some(frame);
        Ok(())
    }

    fn end(&mut self, frame: Frame) -> Result<Option<Message>, Violation> {
        if !frame.is_control() {
            let text = if frame.is_last { self.text.take() } else { None };
            let text = text.map(String::from_utf8).transpose();
            return Ok(text.map_err(|_| Violation::not_text())?.map(Message::Text));
        }
        let payload = std::mem::take(&mut self.control);
        Ok(Some(match frame.opcode {
            Opcode::Ping => Message::Ping(payload),
            Opcode::Pong => Message::Pong,
            _ => {
                let (code, reason) = payload.split_at_checked(2).unwrap_or_default();
                let code = code.try_into().ok().map(u16::from_be_bytes);
                Message::Close(code, String::from_utf8_lossy(reason).into_owned())
            }
        }))
    }
}

impl Frame {
    fn is_control(self) -> bool {
        self.opcode as u8 & 0x8 != 0
    }
}

/// A frame's head; `None` while there is more to it.
fn read_head(head: &[u8]) -> Result<Option<Frame>, Violation> {
    let [first, second, length @ ..] = head else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(Violation::protocol("an extension that was not agreed on"));
    }
    if second & 0x80 != 0 {
        return Err(Violation::protocol("a masked frame"));
    }
    let opcode = match first & 0x0f {
        0x0 => Opcode::Continuation,
        0x1 => Opcode::Text,
        0x8 => Opcode::Close,
        0x9 => Opcode::Ping,
        0xa => Opcode::Pong,
        0x2 => return Err(Violation::not_text()),
        _ => return Err(Violation::protocol("an unknown kind of frame")),
    };
    let left = match (second & 0x7f, length) {
        (126, &[a, b]) => u64::from(u16::from_be_bytes([a, b])),
        (127, &[a, b, c, d, e, f, g, h]) => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        (126 | 127, _) => return Ok(None),
        (short, _) => u64::from(short),
    };
    Ok(Some(Frame { is_last: first & 0x80 != 0, opcode, left }))
}

/// What a text of a peer may look like in a log or on a screen.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    let most = crate::protocol::limits::SHORT_TEXT_CHARS;
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
