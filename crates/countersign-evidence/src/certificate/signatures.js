// Signatures, checked by the browser itself (WebCrypto).

const CURVES = {
  "1.2.840.10045.3.1.7": { name: "P-256", size: 32 },
  "1.3.132.0.34": { name: "P-384", size: 48 },
  "1.3.132.0.35": { name: "P-521", size: 66 },
};

/** SHA-1 is not among them: what it holds together proves nothing any more. */
const HASHES = {
  "2.16.840.1.101.3.4.2.1": "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
};

/** SignatureMethod URIs [RFC 9231; XMLDSig §6.4]. */
const XML_SIGNATURES = {
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": ["rsa", "SHA-256"],
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": ["rsa", "SHA-384"],
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": ["rsa", "SHA-512"],
  "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1": ["pss", "SHA-256", 32],
  "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1": ["pss", "SHA-384", 48],
  "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1": ["pss", "SHA-512", 64],
  "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256": ["ecdsa", "SHA-256"],
  "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384": ["ecdsa", "SHA-384"],
  "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519": ["ed25519"],
};

/** Signature algorithms of CMS; the hash is the one that SignerInfo names, if none is here. */
const CMS_SIGNATURES = {
  "1.2.840.113549.1.1.1": ["rsa"],
  "1.2.840.113549.1.1.11": ["rsa", "SHA-256"],
  "1.2.840.113549.1.1.12": ["rsa", "SHA-384"],
  "1.2.840.113549.1.1.13": ["rsa", "SHA-512"],
  "1.2.840.10045.4.3.2": ["ecdsa", "SHA-256"],
  "1.2.840.10045.4.3.3": ["ecdsa", "SHA-384"],
  "1.2.840.10045.4.3.4": ["ecdsa", "SHA-512"],
  "1.3.101.112": ["ed25519"],
};

/** What WebCrypto calls them. */
const FAMILIES = { rsa: "RSASSA-PKCS1-v1_5", pss: "RSA-PSS", ecdsa: "ECDSA", ed25519: "Ed25519" };

/** The curve of a SubjectPublicKeyInfo. */
function curveOf(key) {
  const [, parameters] = partsOf(partsOf(readDer(key, SEQUENCE))[0]);
  const curve = CURVES[oidOf(parameters)];
  must(curve !== undefined, "is on a curve that is not known here");
  return curve;
}

/** An ECDSA signature as CMS writes it [RFC 3279 §2.2.3], as WebCrypto wants it: r and s. */
function plainEcdsa(signature, size) {
  const numbers = partsOf(readDer(signature, SEQUENCE)).map((number) => {
    const { content } = expect(number, INTEGER);
    const digits = content[0] === 0 ? content.subarray(1) : content;
    must(digits.length <= size, "is no signature on its curve");
    return joined(new Uint8Array(size - digits.length), digits);
  });
  must(numbers.length === 2, "is no signature");
  return joined(...numbers);
}

/**
 * Whether `signature` is that of `message` by `key` (a SubjectPublicKeyInfo).
 * `[family, hash, saltLength]` is the algorithm, `encoded` that an ECDSA signature is DER.
 */
async function isSignedBy(key, [family, hash, saltLength], signature, message, encoded) {
  let algorithm;
  if (family === "ecdsa") {
    const curve = curveOf(key);
    algorithm = { name: FAMILIES[family], namedCurve: curve.name, hash };
    if (encoded) signature = plainEcdsa(signature, curve.size);
  } else {
    algorithm = { name: FAMILIES[family], hash, saltLength };
  }
  let imported;
  try {
    imported = await crypto.subtle.importKey("spki", key, algorithm, false, ["verify"]);
  } catch (error) {
    must(error.name !== "DataError", "has a key that is none");
    throw new CanNotCheck(`this browser can not check ${algorithm.name} signatures`);
  }
  return crypto.subtle.verify(algorithm, imported, signature, message);
}

/** What SubjectPublicKeyInfo puts before the 32 bytes of an Ed25519 key [RFC 8410 §4]. */
const ED25519_KEY = fromHex("302a300506032b6570032100");

const isEd25519Signed = (key, signature, message) =>
  isSignedBy(joined(ED25519_KEY, key), ["ed25519"], signature, message);
