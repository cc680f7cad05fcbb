// The whole bundle: a ZIP file written in one way only (bundle.md §1), and its manifest (§3).

const MIMETYPE = "mimetype";
const MANIFEST = "META-INF/ASiCManifest.xml";
const SEAL = "META-INF/signature.p7s";

const FILE_TYPE = utf8("mimetypeapplication/vnd.etsi.asic-e+zip");

const isBundle = (bytes) => same(bytes.subarray(30, 30 + FILE_TYPE.length), FILE_TYPE);

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  return crc;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff];
  return (crc ^ 0xffffffff) >>> 0;
}

function numbers(...sized) {
  return Uint8Array.from(sized.flatMap(([size, ...values]) =>
    values.flatMap((value) => Array.from({ length: size }, (_, place) => (value >>> (8 * place)) & 0xff))));
}

/** Writes members as a bundle's writer does. */
function writeContainer(members) {
  const local = [];
  const central = [];
  let offset = 0;
  for (const [name, data] of members) {
    const encoded = utf8(name);
    const shared = numbers([2, 10, 0, 0, 0, 0x21], [4, crc32(data), data.length, data.length], [2, encoded.length, 0]);
    local.push(numbers([4, 0x04034b50]), shared, encoded, data);
    central.push(numbers([4, 0x02014b50], [2, 10]), shared, numbers([2, 0, 0, 0], [4, 0, offset]), encoded);
    offset += 4 + shared.length + encoded.length + data.length;
  }
  const directory = joined(...central);
  const count = members.length;
  const end = numbers([4, 0x06054b50], [2, 0, 0, count, count], [4, directory.length, offset], [2, 0]);
  return joined(...local, directory, end);
}

/** The members of a bundle as `[name, bytes]`; throws unless it is written as it must be. */
function readContainer(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const members = [];
  let at = 0;
  while (at + 30 <= bytes.length && view.getUint32(at, true) === 0x04034b50) {
    const name = at + 30;
    const data = name + view.getUint16(at + 26, true);
    const end = data + view.getUint32(at + 18, true);
    must(end <= bytes.length, "ends too early");
    members.push([textOf(bytes.subarray(name, data)), bytes.subarray(data, end)]);
    at = end;
  }
  must(new Set(members.map(([name]) => name)).size === members.length, "has a member twice");
  must(same(writeContainer(members), bytes), "is not written as a bundle is written");
  return members;
}

/** The digest of each member that a manifest lists. */
function readManifest(bytes) {
  const line = /^<asic:DataObjectReference URI="([^"]+)"><ds:DigestMethod Algorithm="http:\/\/www\.w3\.org\/2001\/04\/xmlenc#sha256"\/><ds:DigestValue>([^<]+)<\/ds:DigestValue><\/asic:DataObjectReference>$/;
  const lines = textOf(bytes).split("\n").filter((text) => text.startsWith("<asic:DataObjectReference"));
  return lines.map((text) => {
    const match = line.exec(text);
    must(match !== null, "is not written as a manifest is written");
    return [match[1], match[2]];
  });
}
