// Distinguished encoding rules [X.690]: definite, shortest lengths; nothing behind the end.

/** Reads one element at the start of `bytes`. */
function elementAt(bytes) {
  must(bytes.length >= 2 && (bytes[0] & 0x1f) !== 0x1f, "is not DER");
  let length = bytes[1];
  let start = 2;
  if (length >= 0x80) {
    const count = length & 0x7f;
    must(count >= 1 && count <= 4 && bytes.length >= 2 + count, "is not DER");
    length = bytes.subarray(2, 2 + count).reduce((sum, byte) => sum * 256 + byte, 0);
    must(length >= 0x80 && bytes[2] !== 0, "is not DER");
    start += count;
  }
  must(bytes.length >= start + length, "ends too early");
  return {
    tag: bytes[0],
    content: bytes.subarray(start, start + length),
    whole: bytes.subarray(0, start + length),
  };
}

/** Reads `bytes` as one element. */
function readDer(bytes, tag) {
  const element = elementAt(bytes);
  must(element.whole.length === bytes.length, "has bytes behind its end");
  return expect(element, tag);
}

function expect(element, tag) {
  must(element !== undefined && element.tag === tag, "is not built as it should be");
  return element;
}

/** The elements that one is made of. */
function partsOf(element) {
  const parts = [];
  let rest = element.content;
  while (rest.length > 0) {
    const part = elementAt(rest);
    parts.push(part);
    rest = rest.subarray(part.whole.length);
  }
  return parts;
}

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const OCTETS = 0x04;
const OID = 0x06;
const TAGGED = (number) => 0xa0 + number;

/** `1.2.840.113549` and so on. */
function oidOf(element) {
  const numbers = [];
  let number = 0;
  for (const byte of expect(element, OID).content) {
    number = number * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      numbers.push(number);
      number = 0;
    }
  }
  const first = Math.min(Math.floor(numbers[0] / 40), 2);
  return [first, numbers[0] - 40 * first, ...numbers.slice(1)].join(".");
}

const ATTRIBUTE_NAMES = { "2.5.4.3": "CN", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C" };

/** A distinguished name for people: the attributes that they know, the last first. */
function nameOf(name) {
  const known = partsOf(name).flatMap(partsOf).map((attribute) => {
    const [type, value] = partsOf(attribute);
    const called = ATTRIBUTE_NAMES[oidOf(type)];
    return called && `${called}=${new TextDecoder().decode(value.content)}`;
  });
  return known.filter(Boolean).reverse().join(", ") || "no name";
}

/** Reads an X.509 certificate [RFC 5280 §4.1], or a bare SubjectPublicKeyInfo. */
function readCertificate(bytes) {
  const parts = partsOf(readDer(bytes, SEQUENCE));
  if (parts.length === 2) return { whole: bytes, key: bytes, subject: null };
  const fields = partsOf(expect(parts[0], SEQUENCE));
  if (fields[0].tag === TAGGED(0)) fields.shift();
  const [serial, , issuer, validity, subject, key] = fields;
  const [from, until] = partsOf(expect(validity, SEQUENCE)).map(timeOf);
  return {
    whole: bytes,
    issuerAndSerial: hexOf(joined(issuer.whole, serial.whole)),
    subject: nameOf(expect(subject, SEQUENCE)),
    key: expect(key, SEQUENCE).whole,
    from,
    until,
  };
}

/** A time as `2026-03-01T09:30:00Z` [RFC 5280 §4.1.2.5; RFC 3161 §2.4.2]. */
function timeOf(element) {
  const text = textOf(element.content);
  const match = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?Z$/.exec(text);
  must(match !== null, "has a time that is not one");
  const [, year, month, day, hour, minute, second, fraction] = match;
  const century = year.length === 4 ? "" : Number(year) < 50 ? "20" : "19";
  return `${century}${year}-${month}-${day}T${hour}:${minute}:${second}${fraction ?? ""}Z`;
}
