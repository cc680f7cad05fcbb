"""signxml_check.py FILE CERTIFICATE LOCATION: verifies the signature at LOCATION (an ElementTree
path) with that certificate and no other, and prints what was signed."""

import sys

from lxml import etree
from signxml import SignatureConfiguration, XMLVerifier

file, certificate, location = sys.argv[1:]
root = etree.fromstring(open(file, "rb").read())
result = XMLVerifier().verify(
    root,
    x509_cert=open(certificate).read(),
    id_attribute="ID",
    expect_config=SignatureConfiguration(location=location, expect_references=1),
)
print(etree.QName(result.signed_xml).localname)
