// Bytes, texts and hashes.

const utf8 = (text) => new TextEncoder().encode(text);

/** The text that bytes are in UTF-8; throws if they are not. */
const textOf = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

function toBase64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Reads base64 as it is written in one way only; throws at any other. */
function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  must(toBase64(bytes) === text, "is not base64");
  return bytes;
}

function joined(...parts) {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const same = (one, other) =>
  one.length === other.length && one.every((byte, place) => byte === other[place]);

const digest = async (hash, bytes) => new Uint8Array(await crypto.subtle.digest(hash, bytes));

const sha256 = (bytes) => digest("SHA-256", bytes);

/** Something is wrong, and the message says so to people. */
class Wrong extends Error {}

/** The browser lacks what a check needs: nothing is shown by it. */
class CanNotCheck extends Error {}

/** It holds, and is not all that the claim needs: the reader has to judge. */
class LeftToYou extends Error {}

function must(holds, otherwise) {
  if (!holds) throw new Wrong(otherwise);
}

/** What an error says to people. Any other is JavaScript's own, at bytes that are not as they must be. */
const messageOf = (error) =>
  [Wrong, CanNotCheck, LeftToYou].some((kind) => error instanceof kind) ? error.message : "is not built as it should be";

/**
 * Canonical JSON by the profile of record.md §1. A member is only ever read by its own name, so
 * that `__proto__` is a name like any other; JavaScript sorts by UTF-16 as RFC 8785 does.
 */
function canonical(value) {
  if (typeof value === "string") {
    must(!/[\ud800-\udfff]/u.test(value), "holds half a character");
    return JSON.stringify(value);
  }
  if (typeof value === "number") {
    must(Number.isSafeInteger(value) && !Object.is(value, -0), "holds a number that is no integer");
    return String(value);
  }
  if (value === null || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${canonical(name)}:${canonical(value[name])}`).join(",")}}`;
}

/** Reads canonical JSON, and nothing else. */
function readCanonical(bytes) {
  const text = textOf(bytes);
  const value = JSON.parse(text);
  must(canonical(value) === text, "is not canonical JSON");
  return value;
}
