<?php
// SimpleSAMLphp 1.19 as an identity provider under PHP's own web server. What it writes goes into
// SIMPLESAMLPHP_STATE, which is one server's own; so does what it is told about the service
// provider: sp-metadata.xml, as the service provider made it.
$state = getenv('SIMPLESAMLPHP_STATE') . '/';
$config = [
    'baseurlpath' => 'http://' . $_SERVER['HTTP_HOST'] . '/',
    'certdir' => getenv('SIMPLESAMLPHP_KEYS') . '/',
    'datadir' => $state,
    'loggingdir' => $state . 'log/',
    'tempdir' => $state . 'tmp',
    'metadatadir' => __DIR__ . '/metadata',
    'metadata.sources' => [
        ['type' => 'flatfile'],
        ['type' => 'xml', 'file' => $state . 'sp-metadata.xml'],
    ],
    'enable.saml20-idp' => true,
    'module.enable' => ['core' => true, 'exampleauth' => true, 'saml' => true],
    'store.type' => 'phpsession',
    'session.phpsession.cookiename' => 'simplesamlphp',
    'session.phpsession.httponly' => true,
    'session.phpsession.savepath' => $state . 'sessions',
    'session.cookie.samesite' => null,
    'session.cookie.secure' => false,
    'logging.handler' => 'file',
    'logging.level' => 7,
    'logging.logfile' => 'simplesamlphp.log',
    'production' => false,
    'secretsalt' => 'for tests only',
    'auth.adminpassword' => 'for tests only',
    'technicalcontact_email' => 'tests@acme.example',
    'timezone' => 'UTC',
    'language.default' => 'en',
    'template.cache' => '',
    'theme.use' => 'default',
    'usenewui' => false,
];
