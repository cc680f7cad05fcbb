// Signed data in CMS [RFC 5652], as time-stamps [RFC 3161] and CAdES signatures use it.

const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
const SIGNING_TIME = "1.2.840.113549.1.9.5";
const SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12";
const SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47";
const SIGNED_DATA = "1.2.840.113549.1.7.2";
const TST_INFO = "1.2.840.113549.1.9.16.1.4";

/** Reads what one signer signed. */
function readSignedData(bytes) {
  const [type, wrapped] = partsOf(readDer(bytes, SEQUENCE));
  must(oidOf(type) === SIGNED_DATA, "is no signed data");
  const parts = partsOf(partsOf(expect(wrapped, TAGGED(0)))[0]);
  const [contentType, content] = partsOf(expect(parts[2], SEQUENCE));
  const certificates = parts.filter((part) => part.tag === TAGGED(0)).flatMap(partsOf);
  const signers = partsOf(expect(parts[parts.length - 1], SET));
  must(signers.length === 1, "does not have one signer");
  const [, signer, hash, attributes, algorithm, signature] = partsOf(signers[0]);
  const named = new Map();
  for (const attribute of partsOf(expect(attributes, TAGGED(0)))) {
    const [name, values] = partsOf(attribute);
    must(!named.has(oidOf(name)), "has an attribute twice");
    named.set(oidOf(name), partsOf(values)[0]);
  }
  return {
    contentType: oidOf(contentType),
    content: content && expect(partsOf(content)[0], OCTETS).content,
    certificates: certificates.map((certificate) => readCertificate(certificate.whole)),
    signer: hexOf(expect(signer, SEQUENCE).content),
    hash: HASHES[oidOf(partsOf(hash)[0])],
    attributes: named,
    // What is signed is tagged as the set that it is [RFC 5652 §5.4].
    signedBytes: joined(Uint8Array.of(SET), attributes.whole.subarray(1)),
    algorithm: CMS_SIGNATURES[oidOf(partsOf(algorithm)[0])],
    signature: expect(signature, OCTETS).content,
  };
}

/** Checks that signed data is `content` signed by the enclosed certificate, which it returns. */
async function checkSignedData(signed, content) {
  if (signed.hash === undefined || signed.algorithm === undefined) {
    throw new CanNotCheck("its algorithm is weak or not known here");
  }
  const certificate = signed.certificates.find((one) => one.issuerAndSerial === signed.signer);
  must(certificate !== undefined, "does not enclose its signer's certificate");
  must(oidOf(signed.attributes.get(CONTENT_TYPE)) === signed.contentType, "signs another type");
  const digested = expect(signed.attributes.get(MESSAGE_DIGEST), OCTETS).content;
  must(same(digested, await digest(signed.hash, content)), "is of other content");
  must(await namesCertificate(signed, certificate), "is not bound to its signer's certificate");
  const [family, hash] = signed.algorithm;
  const by = [family, hash ?? signed.hash];
  const holds = await isSignedBy(certificate.key, by, signed.signature, signed.signedBytes, true);
  must(holds, "has a signature that does not verify");
  return certificate;
}

/** Whether the signer signed which certificate is theirs [RFC 5035 §3; RFC 5816]. */
async function namesCertificate(signed, certificate) {
  const second = signed.attributes.get(SIGNING_CERTIFICATE_V2);
  const attribute = second ?? signed.attributes.get(SIGNING_CERTIFICATE);
  const id = partsOf(partsOf(partsOf(expect(attribute, SEQUENCE))[0])[0]);
  let hash = second ? "SHA-256" : "SHA-1";
  if (id[0].tag === SEQUENCE) hash = HASHES[oidOf(partsOf(id.shift())[0])];
  return same(expect(id[0], OCTETS).content, await digest(hash, certificate.whole));
}

/** Checks that a time-stamp token is of `data`; when, and by whom. */
async function checkTimeStamp(token, data) {
  const signed = readSignedData(token);
  must(signed.contentType === TST_INFO && signed.content, "is no time-stamp");
  const [, policy, imprint, serial, time] = partsOf(readDer(signed.content, SEQUENCE));
  const [algorithm, hashed] = partsOf(expect(imprint, SEQUENCE));
  const hash = HASHES[oidOf(partsOf(algorithm)[0])];
  if (hash === undefined) throw new CanNotCheck("its hash is weak or not known here");
  must(same(expect(hashed, OCTETS).content, await digest(hash, data)), "is of other bytes");
  const authority = await checkSignedData(signed, signed.content);
  return { at: timeOf(time), authority, hash, policy: oidOf(policy), serial: hexOf(serial.content) };
}
