<?php
$metadata['https://simplesamlphp.idp.example/metadata'] = [
    'host' => '__DEFAULT__',
    'privatekey' => 'simplesamlphp.key',
    'certificate' => 'simplesamlphp.crt',
    'auth' => 'nurse',
    'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    'saml20.sign.assertion' => true,
    'saml20.sign.response' => true,
    // AES-128-CBC under RSA-OAEP: this version can do no other.
    'assertion.encryption' => getenv('SIMPLESAMLPHP_ENCRYPTS') === 'yes',
    // Requests must be signed with a key of the service provider's metadata.
    'validate.authnrequest' => getenv('SIMPLESAMLPHP_WANTS_SIGNED_REQUESTS') === 'yes',
    'validate.logout' => true,
    'sign.logout' => true,
    'SingleSignOnServiceBinding' => [
        'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
        'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
    ],
    'SingleLogoutServiceBinding' => [
        'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
        'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
    ],
    'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    'simplesaml.nameidattribute' => 'uid',
    'attributes.NameFormat' => 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic',
];
