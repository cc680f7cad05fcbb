//! Hosts run the engine on executors that move futures between threads.

use std::sync::Arc;
use std::time::Duration;

use countersign::audit::record::Actor;
use countersign::audit::{Level, Signer};
use countersign::evidence::Export;
use countersign::saml::{Expect, Inbound};
use countersign::{
    Confirmed, ConnectionId, Document, Engine, Intent, LeafHash, Presented, Session, SessionId,
    TenantId,
};

fn sendable<T: Send>(_: T) {}

/// Never called: it compiles only if every future is `Send`.
#[allow(dead_code, clippy::too_many_arguments, reason = "compiled, not called")]
fn every_future_is_sendable(
    engine: Arc<Engine>,
    connection: &ConnectionId,
    tenant: &TenantId,
    id: &SessionId,
    session: &Session,
    document: &Document,
    intent: &Intent,
    steps: (Presented, Presented, Confirmed),
    entry: LeafHash,
    export: &Export,
    signer: Arc<dyn Signer>,
) {
    sendable(engine.sign_in(connection, Inbound::Xml(b""), Expect::Unsolicited));
    sendable(engine.sign_out(connection, Inbound::Xml(b"")));
    sendable(engine.session(tenant, id));
    sendable(engine.close_session(session));
    sendable(engine.present(session, document));
    sendable(engine.confirm(steps.0, intent));
    sendable(engine.decline(steps.1, None));
    sendable(engine.sign(steps.2, ""));
    sendable(engine.resume_presented(session, entry));
    sendable(engine.resume_confirmed(session, entry));
    sendable(engine.checkpoint());
    sendable(engine.export(export));
    sendable(engine.wait_for(entry, Level::Witnessed));
    sendable(engine.anchor(tenant));
    sendable(engine.anchors_due(Duration::ZERO));
    sendable(engine.rotate_log_key(tenant, signer, Actor::System, None));
}

#[test]
fn an_engine_is_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() -> &'static str {
        std::any::type_name::<T>()
    }
    assert!(shared::<Engine>().ends_with("Engine"));
}
