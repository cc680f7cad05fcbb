// samlp (Auth0): its middleware run without a web server, the form's value caught.
//
// Signs and encrypts with xml-crypto and xml-encryption on xmldom. Its Signature has no prefix.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const samlp = require('samlp');

const { IDP_ENTITY_ID, AUTHN_REQUEST, SP_CERTIFICATE } = process.env;
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

const end = (what) => {
  console.error(`samlp: ${what}`);
  process.exit(1);
};

// The request, as a web framework would hand it over.
const req = {
  method: 'GET', headers: {}, body: {}, session: {}, user: {},
  query: Object.fromEntries(new URLSearchParams(AUTHN_REQUEST)),
};
const res = { send: end };

const metadata = () => {
  const write = samlp.metadata({
    issuer: IDP_ENTITY_ID, cert, profileMapper, redirectEndpointPath: '/sso', postEndpointPath: '/sso',
  });
  write(
    { protocol: 'https', originalUrl: '/', headers: { host: 'samlp.idp.example' } },
    { set() {}, send: (xml) => fs.writeFileSync('metadata.xml', xml) },
  );
};

// What the request asks for.
const parse = () => new Promise((resolve) => {
  samlp.parseRequest(req, {}, (error, request) => (error ? end(error) : resolve(request)));
});

// Answers the request in the way that `options` say. Its signature has to verify each time.
const answer = (request, file, options) => new Promise((resolve) => {
  const middleware = samlp.auth({
    issuer: IDP_ENTITY_ID,
    key,
    cert,
    signingCert: fs.readFileSync(SP_CERTIFICATE),
    recipient: request.assertionConsumerServiceURL,
    destination: request.assertionConsumerServiceURL,
    lifetimeInSeconds: 300,
    sessionIndex: '_session-1',
    authnContextClassRef: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport',
    profileMapper,
    getPostURL: (audience, dom, _, callback) => callback(null, request.assertionConsumerServiceURL),
    responseHandler: (response) => resolve(fs.writeFileSync(file, response)),
    ...options,
  });
  middleware(req, res, end);
});

const encrypted = (options) => {
  const encryptionCert = fs.readFileSync(SP_CERTIFICATE);
  const encryptionPublicKey = crypto.createPublicKey(encryptionCert).export({ type: 'spki', format: 'pem' });
  return { encryptionCert, encryptionPublicKey, ...options };
};

const answers = async () => {
  const request = await parse();
  await answer(request, 'assertion.xml', {});
  await answer(request, 'response.xml', { signResponse: true, signAssertion: false });
  await answer(request, 'both.xml', { signResponse: true });
  // AES-256-GCM under RSA-OAEP, unless told otherwise.
  await answer(request, 'encrypted.xml', encrypted({ signResponse: true }));
  await answer(request, 'encrypted-response-unsigned.xml', encrypted({}));
  await answer(request, 'encrypted-cbc.xml', encrypted({
    signResponse: true,
    encryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#aes256-cbc',
    disallowEncryptionWithInsecureAlgorithm: false,
    warnOnInsecureEncryptionAlgorithm: false,
  }));
};

if (process.argv[2] === 'metadata') {
  metadata();
} else {
  answers().catch((error) => {
    console.error(error);
    process.exit(1);
  });
}
