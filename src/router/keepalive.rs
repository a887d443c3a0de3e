//! A silent node is pinged, and dropped when it stays silent. A node is never dropped for being
//! busy with an invoke: Android and iOS read nothing while they carry one out.

use crate::protocol::{limits, GatewayFrame};
use crate::router::deadlines::Reminder;
use crate::router::{CloseReason, ConnId, Router};

impl Router {
    /// Something arrived on the connection.
    pub(super) fn heard(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.heard = self.now.mono;
            connection.pinged = None;
        }
    }

    /// Runs when the node may have been silent for too long. Hearing from a node does not touch
    /// the reminder; it is only moved when it goes off.
    pub(super) fn check_silence(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let ping_at = connection.heard + limits::PING_AFTER;
        let drop_at =
            (connection.heard + limits::DROP_AFTER).max(connection.busy_until + limits::DROP_AFTER);
        let next = if self.now.mono < ping_at {
            ping_at
        } else if self.now.mono >= drop_at {
            return self.close(conn, CloseReason::Silent);
        } else {
            if connection.pinged.is_none() {
                connection.pinged = Some(self.now.mono);
                self.send(conn, GatewayFrame::Ping { id: "keepalive".into() });
            }
            // It may answer and fall silent again, and is pinged again then.
            drop_at.min(self.now.mono + limits::PING_AFTER)
        };
        self.remind_connection(next, conn, Reminder::Silence(conn));
    }
}
