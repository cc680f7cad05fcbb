/* Canonicalizes with libxml2 as xmlsec does: xmlC14NExecute with the nodes of one element visible,
 * less those of another.
 *
 * Reads batches from standard input and answers each on standard output; a batch is read to its
 * end before anything is written. Numbers are 32 bits, little end first.
 *
 *   batch    length, document*                   of all that follows
 *   document length, bytes, jobs, job*
 *   job      apex, omit, mode, comments, length, bytes of the PrefixList
 *   answer   length, (parsed, form*)*            a form for each job if parsed is 1
 *   form     length, bytes                       length NONE if there is no canonical form
 *
 * Elements are counted in document order from 0; NONE omits nothing. ODD in place of a length says
 * that libxml2 has no canonical form to compare with, see is_odd.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/uri.h>
#include <libxml/xmlerror.h>

#define NONE UINT32_MAX
#define ODD (UINT32_MAX - 1)
/* The longest PrefixList that is asked for is far shorter. */
#define MAX_PREFIXES 64

static void fail(const char *why)
{
    fprintf(stderr, "libxml2.c: %s\n", why);
    exit(1);
}

struct input {
    const unsigned char *at, *end;
};

static const unsigned char *take(struct input *input, size_t count)
{
    const unsigned char *taken = input->at;
    if ((size_t)(input->end - input->at) < count)
        fail("a batch ends too early");
    input->at += count;
    return taken;
}

static uint32_t number(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16
        | (uint32_t)bytes[3] << 24;
}

static uint32_t take_number(struct input *input)
{
    return number(take(input, 4));
}

static unsigned char *answer;
static size_t answer_length, answer_room;

static void put(const void *bytes, size_t count)
{
    if (answer_length + count > answer_room) {
        answer_room = (answer_length + count) * 2;
        answer = realloc(answer, answer_room);
        if (answer == NULL)
            fail("no memory");
    }
    memcpy(answer + answer_length, bytes, count);
    answer_length += count;
}

static void put_number(uint32_t n)
{
    unsigned char bytes[4] = { n & 0xff, n >> 8 & 0xff, n >> 16 & 0xff, n >> 24 };
    put(bytes, 4);
}

/* Namespaces in XML are part of well-formedness here. That a URI is odd is not. */
static int bad_namespace;

static void on_error(void *data, xmlErrorPtr error)
{
    (void)data;
    if (error->domain == XML_FROM_NAMESPACE && error->level >= XML_ERR_ERROR
        && error->code != XML_WAR_NS_URI)
        bad_namespace = 1;
}

/* The next element in document order. */
static xmlNodePtr following(xmlNodePtr node)
{
    do {
        if (node->children != NULL && node->type == XML_ELEMENT_NODE) {
            node = node->children;
        } else {
            while (node != NULL && node->next == NULL)
                node = node->parent;
            if (node == NULL || node->type == XML_DOCUMENT_NODE)
                return NULL;
            node = node->next;
        }
    } while (node->type != XML_ELEMENT_NODE);
    return node;
}

static xmlNodePtr element_at(xmlDocPtr document, uint32_t index)
{
    xmlNodePtr node = xmlDocGetRootElement(document);
    while (node != NULL && index-- > 0)
        node = following(node);
    return node;
}

/* Whether a namespace is declared anywhere that libxml2 has no canonical form for: a URI that it
 * can not read or that is relative, which XML does not forbid [XML-Names 2.2] and C14N only where it
 * is part of the form [C14N 1.3]; or one with what it should escape and does not [C14N 2.3]. */
static int is_odd(xmlDocPtr document)
{
    for (xmlNodePtr node = xmlDocGetRootElement(document); node != NULL; node = following(node)) {
        for (xmlNsPtr declared = node->nsDef; declared != NULL; declared = declared->next) {
            const char *href = (const char *)declared->href;
            if (href == NULL || *href == 0)
                continue;
            xmlURIPtr uri = xmlParseURI(href);
            int odd = uri == NULL || uri->scheme == NULL || strpbrk(href, "&\"") != NULL;
            xmlFreeURI(uri);
            if (odd)
                return 1;
        }
    }
    return 0;
}

struct subtree {
    xmlNodePtr apex, omit;
};

static int is_visible(void *data, xmlNodePtr node, xmlNodePtr parent)
{
    const struct subtree *subtree = data;
    /* A namespace has no parent of its own. */
    if (node == NULL || node->type == XML_NAMESPACE_DECL || node->type == XML_ATTRIBUTE_NODE)
        node = parent;
    for (; node != NULL; node = node->parent) {
        if (node == subtree->omit)
            return 0;
        if (node == subtree->apex)
            return 1;
    }
    return 0;
}

static void canonicalize(xmlDocPtr document, int odd, struct input *input)
{
    uint32_t apex = take_number(input), omit = take_number(input);
    uint32_t mode = take_number(input), comments = take_number(input);
    uint32_t length = take_number(input);
    const unsigned char *list = take(input, length);
    char names[1024];
    xmlChar *prefixes[MAX_PREFIXES + 1];
    int count = 0;

    if (length >= sizeof names)
        fail("a PrefixList is too long");
    memcpy(names, list, length);
    names[length] = 0;
    for (char *name = strtok(names, " \t\r\n"); name != NULL; name = strtok(NULL, " \t\r\n")) {
        if (count == MAX_PREFIXES)
            fail("too many prefixes");
        prefixes[count++] = (xmlChar *)name;
    }
    prefixes[count] = NULL;
    if (odd) {
        put_number(ODD);
        return;
    }

    struct subtree subtree = {
        element_at(document, apex),
        omit == NONE ? NULL : element_at(document, omit),
    };
    xmlOutputBufferPtr output = xmlAllocOutputBuffer(NULL);
    if (output == NULL)
        fail("no memory");
    int result = subtree.apex == NULL
        ? -1
        : xmlC14NExecute(document, is_visible, &subtree, (int)mode,
              mode == XML_C14N_EXCLUSIVE_1_0 ? prefixes : NULL, (int)comments, output);
    if (result < 0) {
        put_number(NONE);
    } else {
        uint32_t size = (uint32_t)xmlOutputBufferGetSize(output);
        put_number(size);
        put(xmlOutputBufferGetContent(output), size);
    }
    xmlOutputBufferClose(output);
}

static void skip_job(struct input *input)
{
    take(input, 16);
    take(input, take_number(input));
}

static void read_document(struct input *input)
{
    uint32_t length = take_number(input);
    const char *text = (const char *)take(input, length);
    uint32_t jobs = take_number(input);
    bad_namespace = 0;
    /* As xmlsec's own parser: without NOENT, the `&amp;` of a namespace URI stays unresolved. */
    int options = XML_PARSE_NONET | XML_PARSE_NOENT;
    xmlDocPtr document = xmlReadMemory(text, (int)length, NULL, NULL, options);
    if (document == NULL || bad_namespace || xmlGetIntSubset(document) != NULL) {
        put_number(0);
        while (jobs-- > 0)
            skip_job(input);
    } else {
        int odd = is_odd(document);
        put_number(1);
        while (jobs-- > 0)
            canonicalize(document, odd, input);
    }
    if (document != NULL)
        xmlFreeDoc(document);
}

int main(void)
{
    unsigned char head[4];
    unsigned char *batch = NULL;
    LIBXML_TEST_VERSION
    xmlSetStructuredErrorFunc(NULL, (xmlStructuredErrorFunc)on_error);
    while (fread(head, 1, 4, stdin) == 4) {
        uint32_t length = number(head);
        batch = realloc(batch, length + 1);
        if (batch == NULL || fread(batch, 1, length, stdin) != length)
            fail("a batch ends too early");
        struct input input = { batch, batch + length };
        answer_length = 0;
        put_number(0);
        while (input.at < input.end)
            read_document(&input);
        uint32_t answered = (uint32_t)answer_length - 4;
        unsigned char size[4] = { answered & 0xff, answered >> 8 & 0xff, answered >> 16 & 0xff,
            answered >> 24 };
        memcpy(answer, size, 4);
        if (fwrite(answer, 1, answer_length, stdout) != answer_length || fflush(stdout) != 0)
            fail("nobody reads the answers");
    }
    return 0;
}
