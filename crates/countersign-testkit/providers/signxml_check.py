"""signxml_check.py FILE CERTIFICATE ELEMENT: that certificate's key, and no other, signed the
element of this local name, and nothing else."""

import sys

from lxml import etree
from signxml import SignatureConfiguration, XMLVerifier

file, certificate, name = sys.argv[1:]
root = etree.parse(file).getroot()
nested = etree.QName(root).localname != name
result = XMLVerifier().verify(
    root,
    x509_cert=open(certificate).read(),
    id_attribute="ID",
    expect_config=SignatureConfiguration(location="./*/" if nested else "./", expect_references=1),
)
signed = etree.QName(result.signed_xml).localname
if signed != name:
    sys.exit(f"{signed} is signed")
