<?php
// The person who is signed in at once, without a form.
$config = [
    'nurse' => [
        'exampleauth:StaticSource',
        'uid' => ['nurse-7'],
        'mail' => ['nurse@acme.example'],
        'displayName' => ['Gïven & <Fämily>'],
        'groups' => ['ward-7', 'night-shift'],
    ],
];
