"""XML in canonical form [C14N], as a tree; and what is decrypted, which is in any form [XMLEnc §4.4]."""

from xml.parsers import expat

XML = "http://www.w3.org/XML/1998/namespace"


class XmlError(ValueError):
    """It is no XML, or not such as is taken here."""


class Element:
    """An element with its namespaces resolved."""

    def __init__(self, parent, tag, attributes, scope):
        self.parent, self.raw = parent, tag
        # What is declared here, by prefix; the empty prefix for the default.
        self.declared = {}
        plain = []
        for name, value in attributes:
            if name == "xmlns" or name.startswith("xmlns:"):
                self.declared[name.partition(":")[2]] = value
            else:
                plain.append((name, value))
        self.scope = {**scope, **self.declared}
        self.namespace, self.name = self.resolve(tag, self.scope.get("", ""))
        # (namespace, local name, as written, value)
        self.attributes = [(*self.resolve(name, ""), name, value) for name, value in plain]
        if len({attribute[:2] for attribute in self.attributes}) != len(self.attributes):
            raise XmlError("an attribute twice")
        self.content = []

    def resolve(self, name, default):
        prefix, colon, local = name.rpartition(":")
        if not colon:
            return default, local
        if prefix == "xml":
            return XML, local
        if not self.scope.get(prefix):
            raise XmlError("an undeclared prefix")
        return self.scope[prefix], local

    def children(self, namespace=None, *names):
        """Its child elements, or those of one namespace and these names."""
        found = [child for child in self.content if isinstance(child, Element)]
        return [child for child in found if namespace is None or child.namespace == namespace and child.name in names]

    def get(self, name):
        return next((value for space, local, _, value in self.attributes if (space, local) == ("", name)), None)

    def text(self):
        """Its text, or None if it has elements."""
        return None if self.children() else "".join(self.content)


def parse(data, scope=None):
    """The root. `scope` has the namespaces around it."""
    found, roots = [], []

    def start(tag, attributes):
        pairs = list(zip(attributes[::2], attributes[1::2]))
        parent = found[-1] if found else None
        element = Element(parent, tag, pairs, parent.scope if parent else scope or {})
        if parent:
            parent.content.append(element)
        else:
            roots.append(element)
        found.append(element)

    def text(data):
        if found:
            found[-1].content.append(data)

    def refuse(*_):
        raise XmlError("more than elements and text")

    parser = expat.ParserCreate(encoding="UTF-8")
    parser.ordered_attributes = True
    parser.buffer_text = True
    parser.StartElementHandler, parser.CharacterDataHandler = start, text
    parser.EndElementHandler = lambda _: found.pop()
    parser.StartDoctypeDeclHandler = parser.ProcessingInstructionHandler = refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError) as error:
        raise XmlError(str(error)) from None
    ids = [value for one in walk(roots[0]) for space, local, _, value in one.attributes
           if (space == "" and local in ("ID", "Id", "id")) or (space, local) == (XML, "id")]  # fmt: skip
    if len(set(ids)) != len(ids):
        raise XmlError("an ID twice")
    return roots[0]


def walk(element):
    yield element
    for child in element.children():
        yield from walk(child)


def parse_canonical(data):
    """The root of bytes that are their own canonical form without comments [C14N]."""
    root = parse(data)
    if write(root, {}).encode() != data:
        raise XmlError("not in canonical form")
    return root


def write(element, rendered):
    declared = {
        prefix: uri for prefix, uri in element.declared.items()
        if rendered.get(prefix, "") != uri and prefix != "xml"
    }  # fmt: skip
    if any(uri and ":" not in uri for uri in element.declared.values()):
        raise XmlError("a relative namespace")
    out = ["<", element.raw]
    for prefix, uri in sorted(declared.items()):
        out += [" xmlns", ":" if prefix else "", prefix, '="', attribute(uri), '"']
    for _, _, name, value in sorted(element.attributes, key=lambda one: one[:2]):
        out += [" ", name, '="', attribute(value), '"']
    out.append(">")
    inner = {**rendered, **declared}
    for child in element.content:
        out.append(write(child, inner) if isinstance(child, Element) else escaped(child))
    return "".join([*out, "</", element.raw, ">"])


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def attribute(text):
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("\t", "&#x9;").replace("\n", "&#xA;").replace("\r", "&#xD;")
