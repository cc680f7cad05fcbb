// The page: what stands in the bundle, as text. Values become text nodes and nothing else.

const byId = (id) => document.getElementById(id);

/** An element with a class and children; a text becomes a text node. */
function el(name, className, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** A stranger's text: set apart, so that its direction does not run into what is around it. */
const value = (text) => el("bdi", "", shown(text));

const hash = (text) => el("code", "hash", shown(text));

/** An instant, in UTC and in the reader's time zone. */
function instant(at) {
  const time = el("time", "", inUtc(at));
  time.dateTime = shown(at);
  const local = inLocal(at);
  return el("span", "", time, local === null ? null : el("span", "local", ` (${local})`));
}

/** Rows of a name and what it is; what is null is left out. */
function facts(rows) {
  const pairs = rows.filter(([, what]) => what !== null && what !== undefined);
  return el("dl", "facts", pairs.flatMap(([name, what]) => [el("dt", "", name), el("dd", "", what)]));
}

/** A value that the record commits to: opened, erased, or not disclosed; null if there is none. */
function personal(record, field) {
  if (!record || !Object.hasOwn(record.commitments, field)) return null;
  if (Object.hasOwn(record.openings, field)) return opened(record.openings[field]?.value);
  const why = record.erased ? `erased on ${dayOf(record.erased.at)}` : "not disclosed";
  return el("span", "absent", why);
}

/** A value that was opened: a text, a name identifier, or a subject. */
function opened(what) {
  if (!isObject(what)) return value(what);
  const { format, value: name, issuer, subject } = what;
  if (name !== undefined) return el("span", "", value(name), format ? el("span", "aside", " ", value(format)) : null);
  return subject === undefined ? value(what) : el("span", "", value(subject), " at ", value(issuer));
}

function nameOfSigner({ signed }) {
  if (Object.hasOwn(signed.openings, "printed_name")) return personal(signed, "printed_name") ?? value(null);
  const why = signed.erased ? `was erased on ${dayOf(signed.erased.at)}` : "is not disclosed";
  return el("span", "absent", `Somebody whose name ${why}`);
}

/** A longer name could push the verdict out of sight. */
const LONGEST_IN_SUMMARY = 100;

function showSummary({ signatures }) {
  if (LOCAL !== null) byId("zone").textContent = `Times are in UTC; in brackets, in the time zone of whoever opened this page: ${LOCAL}.`;
  for (const signature of signatures) {
    const { signed } = signature;
    const name = nameOfSigner(signature);
    name.textContent = clipped(name.textContent, LONGEST_IN_SUMMARY);
    const what = value(clipped(shown(signed.body.document), LONGEST_IN_SUMMARY));
    byId("summary").append(el("p", "sentence", el("strong", "", name), " signed ", el("strong", "", what),
      " on ", instant(signed.at), "."));
  }
}

function showDocument({ signatures }) {
  const [{ signed, presented }] = signatures;
  const shownWith = new Map(signatures.flatMap((signature) => signature.presented?.body.attachments ?? [])
    .map((attachment) => [attachment.sha256, attachment.media_type]));
  const attachments = [...shownWith].map(([sha, type]) => ["Shown with it", [value(type), el("br"), hash(sha)]]);
  byId("document").append(facts([
    ["Document", value(signed.body.document)],
    ["Kind", value(signed.body.document_type)],
    ["Format", presented ? value(presented.body.media_type) : null],
    ["SHA-256", hash(signed.body.document_sha256)],
    ...attachments,
  ]));
}

function consentOf({ consent, intent }) {
  if (!consent) {
    const disclosure = intent?.body.disclosure_sha256;
    const none = el("span", "absent", "none is recorded here");
    return disclosure ? [none, "; shown was the disclosure ", hash(disclosure)] : none;
  }
  const { body } = consent;
  return [
    "To electronic records for ", value(body.scope.join(", ")), ", on ", instant(consent.at), ", after disclosure ",
    value(body.disclosure_version), " ", hash(body.disclosure_sha256), ". ",
    body.paper_right === true ? "Told of the right to paper. " : "Not told of the right to paper. ",
    "How to withdraw: ", el("q", "", value(body.withdrawal)), " Access shown by: ", value(body.access_demonstrated.method), ".",
  ];
}

function identityOf({ assertion }) {
  if (!assertion) return null;
  const { body } = assertion;
  if (body.door === "email") return ["By a link that was mailed to the address, opened on ", instant(assertion.at)];
  return ["By ", value(body.issuer), ", accepted on ", instant(assertion.at)];
}

function authenticationOf({ assertion, session }) {
  if (!assertion || assertion.body.door === "email") return null;
  const { body } = assertion;
  return ["With ", authnContext(body.authn_context),
    body.authn_instant ? [", on ", instant(body.authn_instant)] : "",
    session?.body.multi_factor ? "; the provider told of several factors" : "; the provider told of no second factor"].flat();
}

function roleOf({ grant }) {
  if (!grant) return null;
  const { role, rule, expires_at: end, permissions } = grant.body;
  return [value(role), rule === null ? "" : [", given by rule ", value(rule)], end === null ? ", without an end" : [", until ", instant(end)],
    "; allows to ", value(permissions.join(", "))].flat();
}

function showParty(signature) {
  const { signed, intent, account, assertion, session } = signature;
  byId("parties").append(el("article", "party", el("h3", "", nameOfSigner(signature)), facts([
    ["Signed", instant(signed.at)],
    ["Meaning", value(signed.body.meaning)],
    ["Words confirmed", intent ? el("q", "", value(intent.body.statement)) : null],
    ["Account", [value(signed.subject_ref), account ? [account.kind === "user.linked" ? ", tied to the identity on " : ", created on ", instant(account.at)] : ""].flat()],
    ["E-mail", personal(account, "email")],
    ["Identity", identityOf(signature)],
    ["Name identifier", personal(assertion, "name_id")],
    ["Authenticated", authenticationOf(signature)],
    ["Role", roleOf(signature)],
    ["Policy", signed.policy_hash ? hash(signed.policy_hash) : null],
    ["Consent", consentOf(signature)],
    ["Session", session ? ["Open from ", instant(session.at), " until ", instant(session.body.expires_at)] : null],
  ])));
}

function showTrail(signature, isOnly) {
  const whose = el("p", "caption", nameOfSigner(signature), `: record ${signature.signed.number}`);
  const drawing = drawTrail(signature, "Each record, from the first to the signature, with an arrow from each cause");
  byId("trails").append(el("figure", "", isOnly ? null : whose, drawing));
}

function showLog({ checkpoint, key }) {
  if (checkpoint === undefined) return;
  byId("log").append(
    el("p", "", "Everything here stands on the key of the log. The bundle says that it is"),
    el("p", "", hash(key ? key.text : "not to be read")),
    el("p", "", "Compare it, letter by letter, with the key that you have from the log’s operator in another way, or put that one in below."),
    facts([["Log", value(checkpoint.origin)], ["Records", checkpoint.size.toString()], ["Root hash", hash(hexOf(checkpoint.root))]]));
}

function showRecord(record) {
  const [what, particulars] = stepOf(record);
  const number = (cause) => cause?.number ?? "one that is missing";
  const fields = Object.keys(record.commitments).sort();
  byId("records").append(el("article", "record", el("h3", "", `${record.number}  ${what}`), facts([
    ["What", [el("code", "", shown(record.kind)), particulars ? [", ", value(particulars)] : ""].flat()],
    ["When", instant(record.at)],
    ["By", isObject(record.actor) ? value([record.actor.type, record.actor.id].filter(Boolean).join(" ")) : null],
    ["Caused by", record.causes.length > 0 ? `record ${record.causes.map(number).join(", ")}` : null],
    ["Leaf", [record.index === undefined ? "" : `${record.index}, `, hash(record.leaf)]],
    ["Policy", record.policy_hash ? hash(record.policy_hash) : null],
    ...fields.map((field) => [fieldName(field), personal(record, field)]),
  ])));
}

const LIMITS = [
  ["Completeness", "That nothing else was recorded. Ask the log’s operator for a consistency proof to a later checkpoint, and the log’s witnesses for what they saw."],
  ["Not revoked", "That the role, the session or the consent was not taken back between its record and the signature."],
  ["Sole control", "That nobody but the signer could act in the signer’s session."],
  ["Qualified status", "That any key or certificate is qualified (eIDAS). None is claimed to be."],
];

/** What the identity provider said is evidence of its own, which only the verifier reads. */
function saidByProvider({ members, signatures }) {
  if (signatures.every(({ assertion }) => assertion?.body.door === "email")) return [];
  const isDisclosed = [...members.keys()].some((name) => name.startsWith("assertions/"));
  const why = isDisclosed
    ? "That what was signed for the sign-in is the identity provider’s, and names this person at this time for this service: this page does not read it. The offline verifier does."
    : "That the identity provider said who this is: what it signed is not in the bundle. The log says that it did.";
  return [["Identity", why]];
}

function showLimits(bundle) {
  const { stamps } = bundle;
  const time = stamps.length === 0
    ? "Times are the log operator’s own. No time-stamp authority vouches for them."
    : "Times are the log operator’s own. The time-stamp proves only that all of it was recorded before the time it names, if its authority is to be trusted.";
  for (const [what, why] of [...LIMITS, ...saidByProvider(bundle), ["Trusted time", time]]) byId("limits").append(el("dt", "", what), el("dd", "", why));
}

const MARKS = { holds: "✓", fails: "✗", unknown: "?", open: "–" };
const SAID = { holds: "holds", fails: "fails", unknown: "can not be checked here", open: "is left to you" };

/** A line for each thing that was checked; what fails comes first. */
function showChecks(list, { lines }) {
  const order = ["fails", "unknown", "open", "holds"];
  const sorted = order.flatMap((status) => lines.filter((line) => line.status === status));
  list.replaceChildren(...sorted.map((line) => {
    const mark = el("span", "mark", MARKS[line.status]);
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", SAID[line.status]);
    const item = el("li", line.status, mark, el("span", "claim", value(line.what)), el("span", "how", value(line.how)));
    item.dataset.claim = line.claim;
    return item;
  }));
}

/** One sentence on all that was checked. */
function showVerdict(all) {
  const count = (status) => all.reduce((sum, checks) => sum + checks.count(status), 0);
  const [holds, fails, unknown] = ["holds", "fails", "unknown"].map(count);
  const total = holds + fails + unknown;
  const state = fails > 0 ? "fails" : unknown > 0 ? "unknown" : "holds";
  const keyIsKnown = all.some((checks) => checks.lines.some((line) => line.claim === "key" && line.status === "holds"));
  const rest = keyIsKnown ? "The key is one that you gave." : "Whether the log’s key is the right one is left to you: compare it below.";
  byId("verdict").dataset.state = state;
  byId("verdict").textContent = {
    fails: `Do not rely on this: ${fails} of ${total} checks failed.`,
    unknown: `${holds} of this page’s ${total} checks hold. This browser can not make the other ${unknown}.`,
    holds: `All ${total} checks that this page makes hold. ${rest}`,
  }[state];
}

/** Puts the root hash and the number of the page on each printed page. */
function headPages({ checkpoint }) {
  if (checkpoint === undefined) return;
  const sheet = document.styleSheets[0];
  // A browser that knows no margin boxes leaves them out.
  sheet.insertRule(`@page { @top-right { content: "Root ${hexOf(checkpoint.root)}"; } }`, sheet.cssRules.length);
}

/** Compares files that the reader gives, and the keys that the reader knows. */
function listen(bundle, own) {
  const found = { keychecks: new Checks(), files: new Checks() };
  const asked = {};
  /** Shows what `search` finds, unless something else was asked for in the meantime. */
  const find = async (list, search) => {
    asked[list] = search;
    const checks = await search();
    if (asked[list] !== search) return;
    found[list] = checks;
    showChecks(byId(list), checks);
    showVerdict([own, ...Object.values(found)]);
  };
  const compareKeys = () => find("keychecks", () => checkKeys(bundle, byId("keys").value));
  const compareFiles = (files) => find("files", () => checkFiles(files, bundle));
  byId("keys").addEventListener("input", compareKeys);
  byId("file").addEventListener("change", ({ target }) => {
    compareFiles([...target.files]);
    // So that the same file can be chosen once more.
    target.value = "";
  });
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      document.body.classList.toggle("over", kind === "dragenter" || kind === "dragover");
    });
  }
  document.addEventListener("drop", (event) => compareFiles([...event.dataTransfer.files]));
  return compareKeys();
}

/** A part of the page that can not be shown leaves the others as they are. */
function show(what, part) {
  try {
    part();
  } catch {
    byId("content").prepend(el("p", "notice", `${what} can not be shown: the records are not what they should be.`));
  }
}

async function main() {
  const verdict = byId("verdict");
  try {
    must(globalThis.crypto?.subtle, "needs a browser with cryptography for pages that are files");
    const island = JSON.parse(byId("bundle").textContent);
    const members = new Map(Object.entries(island).map(([name, data]) => [name, fromBase64(data)]));
    const bundle = await readBundle(members);
    const checks = await checkBundle(bundle);
    show("The summary", () => showSummary(bundle));
    show("The document", () => showDocument(bundle));
    for (const signature of bundle.signatures) {
      show("A signature", () => showParty(signature));
      show("A trail", () => showTrail(signature, bundle.signatures.length === 1));
    }
    show("The log", () => showLog(bundle));
    show("What is not proved", () => showLimits(bundle));
    for (const record of bundle.records) show("A record", () => showRecord(record));
    showChecks(byId("checks"), checks);
    headPages(bundle);
    await listen(bundle, checks);
  } catch (error) {
    verdict.dataset.state = "fails";
    verdict.textContent = `Do not rely on this: the page can not be read; it ${messageOf(error)}.`;
  }
}

// The members stand behind the script.
document.addEventListener("DOMContentLoaded", main);
