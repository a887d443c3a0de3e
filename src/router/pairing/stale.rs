//! Stale tokens: a node that is not paired presents one. Its pairing was deleted here, or it belongs
//! to another gateway; Android keeps its token then, never asks to be paired, and cannot forget it.
//!
//! The operator is shown a request, as for any other, and approving it makes that token valid. So it
//! is as strong as pairing: the same person decides upon the same things, and what the node gets
//! is access with a secret that it has. Only the token's hash is kept. A node that is paired
//! has a token, and nobody can offer another one in its name.

use super::{Candidate, Full, Pairing};
use crate::protocol::{limits, Token};
use crate::router::context::Context;

impl Pairing {
    /// A node that is not paired presented a token, and was refused. It is never held back, for it
    /// does not wait: it comes again, every few seconds.
    pub(in crate::router) fn presented(
        &mut self,
        ctx: &mut Context,
        candidate: Candidate,
        token: &Token,
    ) {
        if token.reveal().chars().count() < limits::STALE_TOKEN_CHARS {
            return;
        }
        let token = token.hash();
        // A node that asks for a new token gets one; what it presents does not matter then.
        let known = self.book.pending.iter().find(|(_, known)| {
            known.node == candidate.node
                && known.remote_ip == candidate.peer
                && (known.stale_token.is_none() || known.profile == candidate.profile)
        });
        if let Some((id, known)) = known {
            if known.stale_token.is_some_and(|before| before != token) {
                let id = id.clone();
                self.book = self.book.with_stale_token(&id, token);
                *self.waiting.replaced.entry(id).or_default() += 1;
                // Not at once: else whoever presents a new token each time could keep the disk busy.
                self.save_profiles_later(ctx);
            }
            return;
        }
        if self.cool_downs.ends(ctx.now.mono, candidate.asker()).is_some() {
            return;
        }
        match self.make_room(ctx, &candidate) {
            Ok(evicted) => self.create(ctx, candidate, Some(token), evicted),
            Err(Full::ForNow | Full::ForYou) => {}
        }
    }
}
