// samlp (Auth0): its middleware run without a web server, the form's value caught.
//
// Signs and encrypts with xml-crypto and xml-encryption on xmldom. Its Signature has no prefix.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const samlp = require('samlp');

const { IDP_ENTITY_ID, SP_ENTITY_ID, SP_ACS_URL, REQUEST_ID, SP_CERTIFICATE } = process.env;
const key = fs.readFileSync(process.env.IDP_KEY);
const cert = fs.readFileSync(process.env.IDP_CERTIFICATE);

// Who signs in.
function profileMapper() {
  return {
    getClaims: () => ({
      mail: 'nurse@acme.example',
      displayName: 'Gïven & <Fämily>',
      groups: ['ward-7', 'night-shift'],
    }),
    getNameIdentifier: () => ({
      nameIdentifier: 'nurse-7',
      nameIdentifierFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    }),
  };
}
profileMapper.prototype.metadata = [];

const end = (what) => { throw new Error(`samlp: ${what}`); };

// Answers a request in the way that `options` say, and keeps the answer.
const answer = (file, options) => new Promise((resolve) => {
  const middleware = samlp.auth({
    issuer: IDP_ENTITY_ID,
    key,
    cert,
    audience: SP_ENTITY_ID,
    recipient: SP_ACS_URL,
    destination: SP_ACS_URL,
    inResponseTo: REQUEST_ID,
    lifetimeInSeconds: 300,
    sessionIndex: '_session-1',
    authnContextClassRef: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport',
    profileMapper,
    getPostURL: (audience, request, req, callback) => callback(null, SP_ACS_URL),
    responseHandler: (response) => resolve(fs.writeFileSync(file, response)),
    ...options,
  });
  const req = { method: 'GET', query: {}, body: {}, headers: {}, session: {}, user: {} };
  middleware(req, { send: end }, end);
});

const metadata = () => new Promise((resolve) => {
  const middleware = samlp.metadata({
    issuer: IDP_ENTITY_ID, cert, profileMapper, redirectEndpointPath: '/sso', postEndpointPath: '/sso',
  });
  const req = { protocol: 'https', originalUrl: '/', headers: { host: 'samlp.idp.example' } };
  middleware(req, { set() {}, send: (xml) => resolve(fs.writeFileSync('metadata.xml', xml)) });
});

const encrypted = () => {
  const encryptionCert = fs.readFileSync(SP_CERTIFICATE);
  const encryptionPublicKey = crypto.createPublicKey(encryptionCert).export({ type: 'spki', format: 'pem' });
  return { encryptionCert, encryptionPublicKey };
};

(async () => {
  await metadata();
  await answer('assertion.xml', {});
  await answer('response.xml', { signResponse: true, signAssertion: false });
  await answer('both.xml', { signResponse: true });
  if (SP_CERTIFICATE) {
    await answer('encrypted.xml', encrypted());
    await answer('encrypted-response.xml', { signResponse: true, ...encrypted() });
    await answer('encrypted-cbc.xml', {
      signResponse: true,
      encryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#aes256-cbc',
      disallowEncryptionWithInsecureAlgorithm: false,
      warnOnInsecureEncryptionAlgorithm: false,
      ...encrypted(),
    });
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
