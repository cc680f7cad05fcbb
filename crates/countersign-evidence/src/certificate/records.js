// The records of the bundle, and what each signature rests on (record.md §5 and §6).

/** The causes of the kinds that a signature rests on, `null` where there may be none; others are followed as they are. */
const ACCOUNT = ["user.provisioned", "user.linked"];
const CAUSES = {
  "document.signed": [["intent.confirmed"], ["session.opened"], ["role.granted"], ["consent.given", null]],
  "intent.confirmed": [["document.presented"]],
  "document.presented": [["session.opened"]],
  "consent.given": [["session.opened"]],
  "session.opened": [["assertion.verified"], ACCOUNT, ["invitation.used", null]],
  "role.granted": [ACCOUNT, ["assertion.verified", null]],
  "user.provisioned": [["assertion.verified"], ["invitation.used", null]],
  "user.linked": [["assertion.verified"], ["user.provisioned", null], ["link.proposed", null]],
  "assertion.verified": [["email.challenged", null]],
  "invitation.used": [["invitation.issued"], ["assertion.verified"]],
};

/** The kinds that a signature rests on and that are about no account. */
const ABOUT_NOBODY = ["assertion.verified", "email.challenged", "invitation.issued"];

/** Whether a value is a time as records write it [record.md §1]: such are in order as texts. */
const isTime = (value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Reads one record; what is wrong with it stands in `wrong`. */
async function readRecord(name, bytes, members) {
  const [, stem, number, kind] = /^records\/((\d{3})-([a-z.]+))\.json$/.exec(name) ?? [];
  const item = { name, stem, kind, number: Number(number), bytes, causes: [], body: {}, openings: {} };
  item.hash = await leafHash(bytes);
  item.leaf = hexOf(item.hash);
  try {
    const record = readCanonical(bytes);
    const { body, parents, commitments, blobs } = record;
    const whole = [body, commitments].every(isObject) && [parents, blobs].every(Array.isArray);
    must(whole && record.v === 1, "is no record of version 1");
    must(record.kind === kind, "is of another kind than its name");
    Object.assign(item, record, { parents, commitments, body });
  } catch (error) {
    item.wrong = messageOf(error);
    item.parents = [];
    item.commitments = {};
  }
  const openings = members.get(`openings/${stem}.json`);
  try {
    if (openings) item.openings = readCanonical(openings);
    must(isObject(item.openings), "is not a list of openings");
  } catch (error) {
    item.openings = {};
    item.wrongOpenings = messageOf(error);
  }
  return item;
}

/** All of a bundle, as far as it can be read. */
async function readBundle(members) {
  const names = [...members.keys()].filter((name) => name.startsWith("records/"));
  const records = await Promise.all(names.map((name) => readRecord(name, members.get(name), members)));
  const byLeaf = new Map(records.map((record) => [record.leaf, record]));
  for (const record of records) record.causes = record.parents.map((leaf) => byLeaf.get(leaf));
  const bundle = { members, records };
  bundle.signatures = records.filter(isOf("document.signed")).map((signed) => groundsOf(signed));
  bundle.erasures = records.filter(isErasure);
  markErased(bundle);
  const stamps = [...members.keys()].filter((name) => name.startsWith("time/"));
  bundle.stamps = stamps.map((name) => ({ name, bytes: members.get(name) }));
  return bundle;
}

const isOf = (...kinds) => (record) => record !== undefined && kinds.includes(record.kind);

const isErasure = isOf("subject.erased");

const causeOf = (record, ...kinds) => record?.causes.find(isOf(...kinds));

/** Records and all that they can be walked back to, in the order of the log. */
function reachedFrom(records) {
  const reached = new Set(records);
  for (const one of reached) one.causes.filter(Boolean).forEach((cause) => reached.add(cause));
  return [...reached].sort((one, other) => one.number - other.number);
}

/** Tells each record whose values were erased of the first record that says so after it [bundle.md §5]. */
function markErased({ records, erasures }) {
  const isHidden = ({ commitments, openings }) => Object.keys(commitments).length > 0 && Object.keys(openings).length === 0;
  const byAccount = new Map(erasures.filter((one) => one.subject_ref).map((one) => [one.subject_ref, []]));
  for (const record of records) {
    record.erased = undefined;
    byAccount.get(record.subject_ref)?.push(record);
  }
  for (const [account, about] of byAccount) {
    let next;
    // Walked once an account, from the end: an erasure is about its account like all that came before it.
    for (const record of reachedFrom(about).reverse()) {
      const isTouched = next && [null, account].includes(record.subject_ref) && isHidden(record);
      if (isTouched && !(record.erased?.number < next.number)) record.erased = next;
      if (isErasure(record) && record.subject_ref === account) next = record;
    }
  }
}

/** What one signature rests on. */
function groundsOf(signed) {
  const reached = reachedFrom([signed]);
  const intent = causeOf(signed, "intent.confirmed");
  const session = causeOf(signed, "session.opened");
  return {
    signed,
    reached,
    intent,
    session,
    presented: causeOf(intent, "document.presented"),
    grant: causeOf(signed, "role.granted"),
    consent: causeOf(signed, "consent.given"),
    assertion: causeOf(session, "assertion.verified"),
    account: causeOf(session, ...ACCOUNT),
    invitation: causeOf(causeOf(session, "invitation.used"), "invitation.issued"),
  };
}

/** Whether a document type, a beginning of one, or any is that of a document [record.md §5.2]. */
function covers(pattern, type) {
  if (pattern === "*") return true;
  return pattern.endsWith("/*") ? type.startsWith(pattern.slice(0, -1)) : pattern === type;
}

/** Whether a permission lets somebody sign a type of document. */
function coversSigning(permission, type) {
  const [action, pattern, ...more] = permission.split(" ");
  return action === "sign" && pattern !== undefined && more.length === 0 && covers(pattern, type);
}
