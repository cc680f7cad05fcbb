// The records of the bundle, and what each signature rests on (record.md §5 and §6).

/** The causes of the kinds that a signature rests on; others are followed as they are. */
const ACCOUNT = ["user.provisioned", "user.linked"];
const CAUSES = {
  "document.signed": [["intent.confirmed"], ["session.opened"], ["role.granted"], ["consent.given"]],
  "intent.confirmed": [["document.presented"]],
  "document.presented": [["session.opened"]],
  "consent.given": [["session.opened"]],
  "session.opened": [["assertion.verified"], ACCOUNT, ["invitation.used"]],
  "role.granted": [ACCOUNT, ["assertion.verified"]],
  "user.provisioned": [["assertion.verified"], ["invitation.used"]],
  "user.linked": [["assertion.verified"], ["user.provisioned"], ["link.proposed"]],
  "assertion.verified": [["email.challenged"]],
};

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
    item.wrong = error.message;
    item.parents = [];
    item.commitments = {};
  }
  const openings = members.get(`openings/${stem}.json`);
  try {
    if (openings) item.openings = readCanonical(openings);
    must(isObject(item.openings), "is not a list of openings");
  } catch (error) {
    item.openings = {};
    item.wrongOpenings = error.message;
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
  bundle.erasures = records.filter(isOf("subject.erased"));
  for (const record of records) {
    const signature = bundle.signatures.find((one) => one.reached.includes(record));
    const account = record.subject_ref ?? signature?.signed.subject_ref ?? null;
    record.erased = bundle.erasures.find((one) => account !== null && one.subject_ref === account);
  }
  const stamps = [...members.keys()].filter((name) => name.startsWith("time/"));
  bundle.stamps = stamps.map((name) => ({ name, bytes: members.get(name) }));
  return bundle;
}

const isOf = (...kinds) => (record) => record !== undefined && kinds.includes(record.kind);

const causeOf = (record, ...kinds) => record?.causes.find(isOf(...kinds));

/** What one signature rests on. */
function groundsOf(signed) {
  const reached = [];
  const follow = (record) => {
    if (record === undefined || reached.includes(record)) return;
    reached.push(record);
    record.causes.forEach(follow);
  };
  follow(signed);
  reached.sort((one, other) => one.number - other.number);
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
  };
}

/** Whether a permission lets somebody sign a type of document [record.md §5.2]. */
function coversSigning(permission, type) {
  const [action, pattern] = permission.split(" ");
  if (action !== "sign" || pattern === undefined) return false;
  if (pattern === "*") return true;
  return pattern.endsWith("/*") ? type.startsWith(pattern.slice(0, -1)) : pattern === type;
}
