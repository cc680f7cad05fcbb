// The words of the certificate: times, kinds, names.

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August",
  "September", "October", "November", "December"];

/** The reader's own time zone. */
const LOCAL = (() => {
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  return zone && !/^(Etc\/)?(UTC|GMT|Universal|Zulu)$/.test(zone) ? zone : null;
})();

/** `2026-03-01T09:30:00.000Z` as `1 March 2026, 09:30:00 UTC`. */
function inUtc(at) {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/.exec(at);
  if (match === null) return clipped(shown(at), 40);
  const [, year, month, day, time] = match;
  return `${Number(day)} ${MONTHS[month - 1]} ${year}, ${time} UTC`;
}

const dayOf = (at) => inUtc(at).split(",")[0];

/** The same instant in the reader's time zone, with the day if it is another; null where that is UTC. */
function inLocal(at) {
  const instant = new Date(at);
  if (LOCAL === null || Number.isNaN(instant.getTime())) return null;
  const written = (parts) => new Intl.DateTimeFormat("en-GB", { ...parts, timeZone: LOCAL }).format(instant);
  const day = written({ dateStyle: "long" });
  const time = written({ timeStyle: "long" });
  return day === dayOf(at) ? time : `${day}, ${time}`;
}

/** What a reader does not see, or what changes how the text around it is seen. */
const HIDDEN = /[\p{Cc}\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** More marks on one letter than any language has: they would be drawn over the lines around it. */
const STACKED = /(\p{M}{6})\p{M}+/gu;

/** Any value as text that shows what is there. */
function shown(value) {
  const text = typeof value === "string" ? value : canonical(value ?? null);
  return text.replace(HIDDEN, "\ufffd").replace(STACKED, "$1\ufffd");
}

/** At most `most` characters. */
function clipped(text, most) {
  const characters = Array.from(text);
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : text;
}

const AUTHN_CONTEXTS = {
  Password: "a password",
  PasswordProtectedTransport: "a password over a protected connection",
  X509: "a certificate (X.509)",
  Smartcard: "a smart card",
  SmartcardPKI: "a smart card with a certificate and a PIN",
  Kerberos: "Kerberos",
  TLSClient: "a client certificate (TLS)",
  TimeSyncToken: "a one-time code",
  PreviousSession: "an earlier session",
  unspecified: "a way that the provider does not name",
};

function authnContext(uri) {
  if (uri === null || uri === undefined) return "a way that the provider did not name";
  const saml = /^urn:oasis:names:tc:SAML:2\.0:ac:classes:(.+)$/.exec(uri);
  return (saml && Object.hasOwn(AUTHN_CONTEXTS, saml[1]) && AUTHN_CONTEXTS[saml[1]]) || shown(uri);
}

const STRATEGIES = {
  jit: "just in time, at a sign-in",
  pre_provisioned_only: "that was provisioned before",
  self_register: "by self-registration",
};

const strategyOf = ({ strategy }) => (Object.hasOwn(STRATEGIES, strategy) ? STRATEGIES[strategy] : strategy);

/** What a record says, in a few words: `[what happened, the particulars]`. */
const STEPS = {
  "assertion.verified": (body) => ["Identity verified", body.door === "email" ? "by a link that was mailed" : body.issuer],
  "user.provisioned": (body) => ["Account created", strategyOf(body)],
  "user.linked": (body) => ["Identity tied to an account", strategyOf(body)],
  "user.updated": (body) => ["Account changed", body.changed.join(", ")],
  "user.approved": () => ["Account approved", "by an administrator"],
  "role.granted": (body) => ["Role granted", body.rule === null ? body.role : `${body.role}, by rule ${body.rule}`],
  "session.opened": (body) => ["Session opened", `until ${inUtc(body.expires_at)}`],
  "consent.given": (body) => ["Consent given", body.disclosure_version && `disclosure ${body.disclosure_version}`],
  "document.presented": (body) => ["Document shown", body.document],
  "intent.confirmed": (body) => ["Intent confirmed", body.meaning],
  "document.signed": (body) => ["Signed", `${body.document}, as ${body.role}`],
  "email.challenged": () => ["Link mailed", "to the address that was given"],
  "invitation.issued": (body) => ["Invited to sign", body.document],
  "invitation.used": (body) => ["Came by the invitation", body.document],
  "link.proposed": () => ["Tie to an account proposed", ""],
  "subject.erased": () => ["Personal data erased", ""],
};

function stepOf(record) {
  const step = Object.hasOwn(STEPS, record.kind ?? "") && STEPS[record.kind];
  try {
    const [what, particulars] = step ? step(record.body) : [record.kind, ""];
    return [shown(what), shown(particulars ?? "")];
  } catch {
    return [shown(record.kind), "can not be read"];
  }
}

const FIELDS = {
  printed_name: "Printed name",
  name_id: "Name identifier",
  assertion_id: "Assertion",
  session_index: "Session at the provider",
  content_keys: "Content keys",
  subject: "Subject",
  email: "E-mail",
  given_name: "Given name",
  family_name: "Family name",
  display_name: "Display name",
  name: "Name",
  note: "Note",
};

const fieldName = (field) => (Object.hasOwn(FIELDS, field) ? FIELDS[field] : field);
