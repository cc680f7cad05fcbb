// The log: signed notes, checkpoints, proofs [C2SP signed-note, tlog-checkpoint,
// tlog-cosignature, tlog-proof].

const SIGNED_BY_LOG = 0x01;
const SIGNED_BY_WITNESS = 0x04;

/** A verifier key: `name+hash+base64`. */
async function readVerifierKey(text) {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text);
  must(match !== null, "is not a key such as example.com/log+33d7b496+AeHTu4Q3…");
  const [, name, id, encoded] = match;
  const bytes = fromBase64(encoded);
  const type = bytes[0];
  must(bytes.length === 33 && [SIGNED_BY_LOG, SIGNED_BY_WITNESS].includes(type), "is no Ed25519 key");
  const hash = await sha256(joined(utf8(`${name}\n`), bytes));
  must(hexOf(hash.subarray(0, 4)) === id, "was mistyped: its hash is that of another key");
  return { text, name, id, type, key: bytes.subarray(1) };
}

/** A checkpoint with the note that it came in. */
function readCheckpoint(bytes) {
  const note = textOf(bytes);
  const end = note.lastIndexOf("\n\n");
  must(end > 0 && note.endsWith("\n"), "is no signed note");
  const text = note.slice(0, end + 1);
  const signatures = note.slice(end + 2, -1).split("\n").map((line) => {
    const match = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)$/.exec(line);
    must(match !== null, "has a signature line that is none");
    const signature = fromBase64(match[2]);
    must(signature.length > 4, "has a signature line that is none");
    return { name: match[1], id: hexOf(signature.subarray(0, 4)), signature: signature.subarray(4) };
  });
  const [origin, size, root, ...rest] = text.slice(0, -1).split("\n");
  must(/^(0|[1-9]\d*)$/.test(size ?? "") && rest.every((line) => line !== ""), "is no checkpoint");
  const hash = fromBase64(root ?? "");
  must(origin !== "" && hash.length === 32, "is no checkpoint");
  return { text, origin, size: BigInt(size), root: hash, signatures };
}

/** The signatures in a checkpoint that name `key`. */
const linesOf = (checkpoint, key) =>
  checkpoint.signatures.filter((line) => line.name === key.name && line.id === key.id);

/** Whether a line of a checkpoint is its signature by the log or witness that has `key`. */
function isCheckpointSigned(checkpoint, line, key) {
  if (key.type === SIGNED_BY_LOG) {
    return isEd25519Signed(key.key, line.signature, utf8(checkpoint.text));
  }
  const message = `cosignature/v1\ntime ${cosignedAt(line)}\n${checkpoint.text}`;
  return isEd25519Signed(key.key, line.signature.subarray(8), utf8(message));
}

/** When a witness says that it saw the checkpoint, in seconds since 1970. */
const cosignedAt = (line) =>
  line.signature.subarray(0, 8).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);

const leafHash = (record) => sha256(joined(Uint8Array.of(0), record));

const nodeHash = (left, right) => sha256(joined(Uint8Array.of(1), left, right));

/** A proof file: `{ index, path, checkpoint }`. */
function readProof(bytes) {
  const text = textOf(bytes);
  const end = text.indexOf("\n\n");
  const [magic, index, ...path] = text.slice(0, Math.max(end, 0)).split("\n");
  must(magic === "c2sp.org/tlog-proof@v1" && /^index (0|[1-9]\d*)$/.test(index ?? ""), "is no proof");
  const hashes = path.map(fromBase64);
  must(hashes.length <= 64 && hashes.every((hash) => hash.length === 32), "is no proof");
  return { index: BigInt(index.slice(6)), path: hashes, checkpoint: utf8(text.slice(end + 2)) };
}

/** The root that a leaf and its proof lead to [RFC 9162 §2.1.3.2]. */
async function rootOf(leaf, index, size, path) {
  must(index < size, "is behind the end of the log");
  let fn = index;
  let sn = size - 1n;
  let root = leaf;
  for (const hash of path) {
    must(sn !== 0n, "has a proof that is too long");
    if ((fn & 1n) === 1n || fn === sn) {
      root = await nodeHash(hash, root);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      root = await nodeHash(root, hash);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  must(sn === 0n, "has a proof that is too short");
  return root;
}

const COMMITMENT = utf8("countersign/commitment/v1\0");

/** The commitment that an opening makes [record.md §4]. */
function commitmentOf(field, { salt, value }) {
  must(/^[0-9a-f]{64}$/.test(salt), "has no salt");
  return sha256(joined(COMMITMENT, utf8(`${field}\0`), fromHex(salt), utf8(canonical(value))));
}
