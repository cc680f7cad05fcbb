// What this page checks, one line for each thing: whether it holds, and how that is known.

/** Lines as they are found. */
class Checks {
  lines = [];

  /** `how` returns why it holds, or throws why it does not, or why that is not enough. */
  async check(claim, what, how) {
    try {
      this.say("holds", claim, what, await how());
    } catch (error) {
      const status = error instanceof CanNotCheck ? "unknown" : error instanceof LeftToYou ? "open" : "fails";
      this.say(status, claim, what, messageOf(error));
    }
  }

  say(status, claim, what, how) {
    this.lines.push({ status, claim, what, how });
  }

  count(status) {
    return this.lines.filter((line) => line.status === status).length;
  }
}

/** Checks all that stands in the page. */
async function checkBundle(bundle) {
  const checks = new Checks();
  await checkLog(bundle, checks);
  for (const record of bundle.records) await checkRecord(bundle, record, checks);
  await checkLinks(bundle, checks);
  for (const signature of bundle.signatures) {
    const of = bundle.signatures.length > 1 ? ` (record ${signature.signed.number})` : "";
    await checkSignature(signature, of, checks);
  }
  for (const record of bundle.records) await checkOpenings(record, checks);
  for (const record of bundle.records.filter(isOf("assertion.verified"))) {
    await checkAssertion(bundle, record, checks);
  }
  await checkTimeStamps(bundle, checks);
  return checks;
}

function member(bundle, name) {
  const bytes = bundle.members.get(name);
  must(bytes !== undefined, `${name} is missing`);
  return bytes;
}

async function checkLog(bundle, checks) {
  await checks.check("checkpoint_signature", "The log signed its checkpoint", async () => {
    bundle.checkpoint = readCheckpoint(member(bundle, "checkpoint"));
    const text = textOf(member(bundle, "log.vkey"));
    must(text.endsWith("\n"), "log.vkey is no key");
    bundle.key = await readVerifierKey(text.slice(0, -1));
    const { checkpoint, key } = bundle;
    const lines = linesOf(checkpoint, key);
    must(key.name === checkpoint.origin && lines.length > 0, "log.vkey has not signed it");
    for (const line of lines) {
      must(await isCheckpointSigned(checkpoint, line, key), "its signature does not verify");
    }
    return `Ed25519 by the enclosed key of ${key.name}, over ${checkpoint.size} records`;
  });
}

async function checkRecord(bundle, record, checks) {
  await checks.check("record_form", `Record ${record.number} is in the log`, async () => {
    must(record.stem !== undefined && record.wrong === undefined, record.wrong ?? "has no name of a record");
    const proof = readProof(member(bundle, `proofs/${record.stem}.tlog-proof`));
    must(same(proof.checkpoint, member(bundle, "checkpoint")), "its proof is of another checkpoint");
    must(bundle.checkpoint !== undefined, "there is no checkpoint to lead to");
    must(isTime(record.at), "it has no time");
    record.index = proof.index;
    const { size, root } = bundle.checkpoint;
    must(same(await rootOf(record.hash, proof.index, size, proof.path), root), "its proof does not lead to the root");
    return `${record.kind}: SHA-256 and ${proof.path.length} hashes lead from leaf ${proof.index} to the root`;
  });
}

/** [record.md §6, rules 1 to 3; bundle.md §4.1] */
async function checkLinks(bundle, checks) {
  await checks.check("linked", "Each record reaches its causes", () => {
    const { records, signatures } = bundle;
    must(signatures.length > 0, "there is no signature");
    const ends = [...signatures.map(({ signed }) => signed), ...bundle.erasures];
    const reached = new Set(reachedFrom(ends));
    for (const record of records) {
      const rules = Object.hasOwn(CAUSES, record.kind ?? "") ? CAUSES[record.kind] : null;
      const missing = rules?.find((kinds, place) => record.causes[place] === undefined && !kinds.includes(null));
      must(!missing, `record ${record.number} lacks a cause: ${missing?.join(" or ")}`);
      record.causes.forEach((cause, place) => {
        must(cause !== undefined, `a cause of record ${record.number} is missing`);
        must(cause.tenant === record.tenant, `record ${record.number} has a cause of another tenant`);
        must(cause.index < record.index, `record ${record.number} has a cause that comes after it`);
        must(!rules || rules[place]?.includes(cause.kind), `record ${record.number} has a cause of a wrong kind`);
      });
      must(reached.has(record), `no signature leads to record ${record.number}`);
    }
    must(new Set(records.map((record) => record.leaf)).size === records.length, "a record is there twice");
    must(new Set(signatures.map(({ signed }) => signed.body.document_sha256)).size === 1, "not all signed one document");
    return "by SHA-256, within one tenant, each cause before its effect";
  });
}

/** [record.md §6, rules 3 to 9] */
async function checkSignature(signature, of, checks) {
  const { signed, intent, presented, session, grant, consent, invitation, reached } = signature;
  const whole = () => must(intent && presented && session && grant, "what it rests on is missing");
  await checks.check("same_document", `Shown, confirmed and signed are the same${of}`, () => {
    whole();
    const three = [signed, intent, presented];
    const hashes = [signed.body.document_sha256, intent.body.document_sha256, presented.body.sha256];
    const agree = (values) => new Set(values).size === 1;
    must(agree(hashes), "the document's hash differs");
    must(agree(three.map((one) => one.body.ceremony)), "they are of different ceremonies");
    must(agree(three.map((one) => one.correlation)), "they are of different walks");
    must(agree([signed.body.document, presented.body.document]), "the document's name differs");
    must(agree([signed.body.document_type, presented.body.document_type]), "the document's type differs");
    must(agree([signed.body.meaning, intent.body.meaning]), "the meaning differs");
    must(presented.causes[0] === session, "it was shown in another session");
    const invited = ["document", "document_type"].every((name) => !invitation || invitation.body[name] === presented.body[name]);
    must(invited, "it is not what the person was invited to sign");
    return "one ceremony, one SHA-256";
  });
  await checks.check("same_account", `Everything is about one account${of}`, () => {
    must(signed.subject_ref, "it is about no account");
    const about = (record) => (ABOUT_NOBODY.includes(record.kind) ? null : signed.subject_ref);
    const other = reached.find((record) => record.subject_ref !== about(record));
    must(other === undefined, `record ${other?.number} is about another`);
    return signed.subject_ref;
  });
  await checks.check("grant_covers_document", `The role allows the signature${of}`, () => {
    whole();
    const { permissions, role } = grant.body;
    must(signed.body.grant === grant.body.grant && signed.body.role === role, "it names another grant");
    const by = permissions.find((permission) => coversSigning(permission, signed.body.document_type));
    must(by !== undefined, `it does not allow to sign ${signed.body.document_type}`);
    return `${role}: ${by}`;
  });
  const before = (end) => end === null || (isTime(end) && signed.at < end);
  await checks.check("grant_live_at_signing", `The role was live at the signature${of}`, () => {
    whole();
    const end = grant.body.expires_at;
    must(signed.body.grant_expires_at === end && before(end), `it was given until ${inUtc(end)}`);
    return end === null ? "given without an end" : `given until ${inUtc(end)}`;
  });
  await checks.check("session_live_at_signing", `The session was open at the signature${of}`, () => {
    whole();
    const end = session.body.expires_at;
    must(signed.body.session_expires_at === end && before(end), `it was open until ${inUtc(end)}`);
    return `open until ${inUtc(end)}`;
  });
  await checks.check("time_order", `Nothing is dated before what it rests on${of}`, () => {
    whole();
    for (const record of reached) {
      // That of a consent is in a line of its own.
      const causes = record.causes.filter((cause) => cause !== undefined && cause !== consent);
      const later = causes.find((cause) => cause.at > record.at);
      must(later === undefined, `record ${record.number} is dated before record ${later?.number}`);
    }
    return "from the first record to the signature";
  });
  if (consent === undefined) return;
  await checks.check("consent", `The consent is for this document${of}`, () => {
    const by = consent.body.scope.find((pattern) => covers(pattern, signed.body.document_type));
    must(by !== undefined, `it is not for ${signed.body.document_type}`);
    must(consent.at <= signed.at, "it was given after the signature");
    if (consent.body.paper_right !== true) {
      throw new LeftToYou(`given for ${by}, after a disclosure that did not tell of the right to paper: not proved to bind a consumer`);
    }
    return `given for ${by}`;
  });
}

async function checkOpenings(record, checks) {
  if (record.wrongOpenings !== undefined) {
    checks.say("fails", "opening", `The disclosed values of record ${record.number}`, record.wrongOpenings);
  }
  for (const [field, opening] of Object.entries(record.openings)) {
    await checks.check("opening", `${fieldName(field)} in record ${record.number} is what was recorded`, async () => {
      must(isObject(opening), "has no salt");
      const committed = Object.hasOwn(record.commitments, field) && record.commitments[field];
      must(hexOf(await commitmentOf(field, opening)) === committed, "is not what the record commits to");
      return "SHA-256 of the salt and the value is the commitment";
    });
  }
}

const XML_HASHES = {
  "http://www.w3.org/2001/04/xmlenc#sha256": "SHA-256",
  "http://www.w3.org/2001/04/xmldsig-more#sha384": "SHA-384",
  "http://www.w3.org/2001/04/xmlenc#sha512": "SHA-512",
};

/** The one place in canonical XML that `pattern` finds. */
function only(text, pattern) {
  const found = [...text.matchAll(pattern)];
  must(found.length === 1, "signed-info.xml does not sign one element");
  return found[0][1];
}

/** What the identity provider signed, if it is disclosed. */
async function checkAssertion(bundle, record, checks) {
  const folder = `assertions/${String(record.number).padStart(3, "0")}/`;
  if (![...bundle.members.keys()].some((name) => name.startsWith(folder))) return;
  await checks.check("assertion_signature", `The signature from the sign-in verifies (record ${record.number})`, async () => {
    const names = ["signed.xml", "signed-info.xml", "signature.bin", "certificate.der"];
    const files = names.map((name) => member(bundle, folder + name));
    for (const [place, file] of files.entries()) {
      const recorded = record.blobs[place]?.sha256;
      must(hexOf(await sha256(file)) === recorded, `${names[place]} is not what was recorded`);
    }
    const { signed_sha256: element, certificate_sha256: fingerprint } = record.body;
    const first = record.blobs[0].sha256;
    must(first === element && record.blobs[3].sha256 === fingerprint, "the record names two of a kind");
    const [signed, signedInfo, signature, certificate] = files;
    const text = textOf(signedInfo);
    const hash = XML_HASHES[only(text, /<(?:\w+:)?DigestMethod\s[^>]*Algorithm="([^"]*)"/g)];
    const value = only(text, /<(?:\w+:)?DigestValue[^>]*>([^<]*)</g).replace(/\s/g, "");
    if (hash === undefined) throw new CanNotCheck("its hash is weak or not known here");
    must(toBase64(await digest(hash, signed)) === value, "signed.xml is not what was signed");
    const method = only(text, /<(?:\w+:)?SignatureMethod\s[^>]*Algorithm="([^"]*)"/g);
    must(method === record.body.signature_algorithm, "it is by another algorithm than was recorded");
    const algorithm = XML_SIGNATURES[method];
    if (algorithm === undefined) throw new CanNotCheck("its algorithm is weak or not known here");
    const { key, subject } = readCertificate(certificate);
    must(await isSignedBy(key, algorithm, signature, signedInfo), "its signature does not verify");
    const by = subject === null ? "the enclosed key" : `the enclosed certificate of ${subject}`;
    return `${FAMILIES[algorithm[0]]} by ${by}; neither whether to trust it nor what was signed is checked here`;
  });
}

async function checkTimeStamps(bundle, checks) {
  let covered = bundle.members.get("checkpoint");
  for (const [place, stamp] of bundle.stamps.entries()) {
    await checks.check("trusted_time", `Time-stamp ${place + 1} is of this checkpoint`, async () => {
      must(stamp.name === `time/${place + 1}.tst`, "is out of order");
      must(covered !== undefined, "there is no checkpoint");
      Object.assign(stamp, await checkTimeStamp(stamp.bytes, covered));
      return `${inUtc(stamp.at)}, by ${stamp.authority.subject}; whether that authority is to be trusted is not checked here`;
    });
    covered = joined(covered ?? utf8(""), stamp.bytes);
  }
}

/** Compares the keys that a reader has from elsewhere: a line for each thing that they say. */
async function checkKeys(bundle, given) {
  const checks = new Checks();
  const { checkpoint, key } = bundle;
  if (checkpoint === undefined) return checks;
  const keys = [];
  for (const text of given.split(/\s+/).filter(Boolean)) {
    await checks.check("key", "A key that you gave", async () => {
      const read = await readVerifierKey(text);
      keys.push(read);
      for (const line of linesOf(checkpoint, read)) {
        must(await isCheckpointSigned(checkpoint, line, read), "its signature does not verify");
        const when = read.type === SIGNED_BY_WITNESS ? `, on ${inUtc(whenCosigned(line))}` : "";
        return `${read.name} signed this checkpoint${when}`;
      }
      throw new Wrong(`${read.name} did not sign this checkpoint`);
    });
  }
  const logs = keys.filter((one) => one.type === SIGNED_BY_LOG);
  if (key !== undefined && logs.length > 0) {
    await checks.check("key", "The log's key is one that you gave", () => {
      must(logs.some((one) => one.text === key.text), "it is none of them: this log is not the one you know");
      return key.text;
    });
  }
  const others = checkpoint.signatures.filter((line) => ![key, ...keys].some((one) => one && one.name === line.name && one.id === line.id));
  for (const line of others) {
    checks.say("open", "cosignature", `${line.name} cosigned`, "give its key below to have it checked");
  }
  return checks;
}

const whenCosigned = (line) => new Date(Number(cosignedAt(line)) * 1000).toISOString();

/** Compares what a reader dropped on the page: the document, an attachment, or the whole bundle. */
async function checkFiles(files, bundle) {
  const checks = new Checks();
  for (const file of files) {
    const bytes = await file.arrayBuffer().then((buffer) => new Uint8Array(buffer), () => null);
    if (bytes === null) {
      checks.say("unknown", "document", file.name, "can not be read");
      continue;
    }
    if (isBundle(bytes)) await checkContainer(bytes, bundle, checks);
    else await checkFile(file.name, bytes, bundle, checks);
  }
  return checks;
}

/** Checks a whole bundle that was dropped on the page, against the members in the page. */
async function checkContainer(bytes, bundle, checks) {
  let members;
  await checks.check("container", "The file is written as a bundle is written", () => {
    members = new Map(readContainer(bytes));
    return `its ${members.size} members, stored, and nothing else`;
  });
  if (members === undefined) return;
  await checks.check("manifest", "Each file has the SHA-256 that the manifest lists", async () => {
    must(members.has(MANIFEST), "there is no manifest");
    const listed = new Map(readManifest(members.get(MANIFEST)));
    for (const [name, content] of members) {
      if ([MIMETYPE, MANIFEST, SEAL].includes(name)) continue;
      must(listed.get(name) === toBase64(await sha256(content)), `${name} is another, or not listed`);
      listed.delete(name);
    }
    must(listed.size === 0, `${[...listed.keys()][0]} is missing`);
    return "SHA-256 of every file";
  });
  await checks.check("page", "The page shows what is in the file", () => {
    for (const [name, content] of bundle.members) {
      must(members.has(name) && same(members.get(name), content), `${name} is another in the page`);
    }
    const shown = [...members.keys()].filter((name) => !/^(mimetype|META-INF\/.*|VERIFY\.md|certificate\.html|documents\/.*|attachments\/.*)$/.test(name));
    const hidden = shown.find((name) => !bundle.members.has(name));
    must(hidden === undefined, `${hidden} is not in the page`);
    return `${bundle.members.size} members, byte for byte`;
  });
  if (members.has(SEAL)) {
    await checks.check("manifest_signature", "The manifest is signed", async () => {
      const certificate = await checkSignedData(readSignedData(members.get(SEAL)), members.get(MANIFEST) ?? utf8(""));
      return `CAdES, by ${certificate.subject}; whether to trust that certificate is not checked here`;
    });
  }
  for (const [name, content] of members) {
    if (/^(documents|attachments)\//.test(name)) await checkFile(name, content, bundle, checks);
  }
}

/** Compares a file with what was signed. */
async function checkFile(name, bytes, bundle, checks) {
  await checks.check("document", name, async () => {
    const hash = hexOf(await sha256(bytes));
    const { signatures } = bundle;
    if (signatures.some(({ signed }) => signed.body.document_sha256 === hash)) return `is the document that was signed: SHA-256 ${hash}`;
    const attachments = signatures.flatMap(({ presented }) => presented?.body.attachments ?? []);
    must(attachments.some((one) => one.sha256 === hash), `is not what was signed: its SHA-256 is ${hash}`);
    return `is what was shown with the document: SHA-256 ${hash}`;
  });
}
