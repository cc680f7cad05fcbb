//! A bundle taken apart and put together again, from the specification, sharing no code.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of it"
)]

use std::fmt::Write as _;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

const MANIFEST: &str = "META-INF/ASiCManifest.xml";
const SEAL: &str = "META-INF/signature.p7s";
const ISLAND: &str = "<script type=\"application/json\" id=\"bundle\">";

/// The members of a bundle.
#[derive(Debug, Clone)]
pub struct Unpacked {
    pub members: Vec<(String, Vec<u8>)>,
}

impl Unpacked {
    /// Takes a sound bundle apart.
    pub fn read(bundle: &[u8]) -> Self {
        let mut members = Vec::new();
        let mut rest = bundle;
        while rest.starts_with(b"PK\x03\x04") {
            let size = u32::from_le_bytes(rest[18..22].try_into().unwrap()) as usize;
            let name_len = usize::from(u16::from_le_bytes(rest[26..28].try_into().unwrap()));
            let (name, after) = rest[30..].split_at(name_len);
            let (data, after) = after.split_at(size);
            members.push((String::from_utf8(name.to_vec()).unwrap(), data.to_vec()));
            rest = after;
        }
        Self { members }
    }

    /// Where the content of each member stands in the file.
    pub fn ranges(&self) -> Vec<(String, Range<usize>)> {
        let mut at = 0;
        self.members
            .iter()
            .map(|(name, data)| {
                let start = at + 30 + name.len();
                at = start + data.len();
                (name.clone(), start..at)
            })
            .collect()
    }

    pub fn get(&self, name: &str) -> &Vec<u8> {
        let found = self.members.iter().find(|(is, _)| is == name);
        &found.unwrap_or_else(|| panic!("no {name}")).1
    }

    pub fn get_mut(&mut self, name: &str) -> &mut Vec<u8> {
        let found = self.members.iter_mut().find(|(is, _)| is == name);
        &mut found.unwrap_or_else(|| panic!("no {name}")).1
    }

    pub fn remove(&mut self, name: &str) {
        self.members.retain(|(is, _)| is != name);
    }

    pub fn rename(&mut self, name: &str, to: &str) {
        let found = self.members.iter_mut().find(|(is, _)| is == name);
        found.unwrap_or_else(|| panic!("no {name}")).0 = to.to_owned();
    }

    pub fn insert_after(&mut self, name: &str, new: &str, data: Vec<u8>) {
        let place = self.members.iter().position(|(is, _)| is == name).unwrap();
        self.members.insert(place + 1, (new.to_owned(), data));
    }

    /// Replaces a text in a member, which must be there.
    pub fn replace(&mut self, name: &str, from: &str, to: &str) {
        let data = self.get_mut(name);
        let text = String::from_utf8(data.clone()).unwrap();
        assert!(text.contains(from), "no {from} in {name}");
        *data = text.replace(from, to).into_bytes();
    }

    /// Writes the page again around the members there are [bundle.md §4].
    pub fn write_page(&mut self) {
        let folders = ["time/", "records/", "proofs/", "openings/", "assertions/"];
        let shown = self.members.iter().filter(|(name, _)| {
            matches!(name.as_str(), "checkpoint" | "log.vkey")
                || folders.iter().any(|folder| name.starts_with(folder))
        });
        let shown: Vec<_> = shown
            .map(|(name, data)| format!("\"{name}\":\"{}\"", STANDARD.encode(data)))
            .collect();
        let Some((_, page)) = self
            .members
            .iter_mut()
            .find(|(name, _)| name == "certificate.html")
        else {
            return;
        };
        let Ok(text) = String::from_utf8(page.clone()) else {
            return;
        };
        let Some((before, rest)) = text.split_once(ISLAND) else {
            return;
        };
        let Some((_, behind)) = rest.split_once("</script>") else {
            return;
        };
        let island = format!("{{{}}}", shown.join(","));
        *page = format!("{before}{ISLAND}{island}</script>{behind}").into_bytes();
    }

    /// Writes the manifest again over the members there are [bundle.md §3].
    pub fn write_manifest(&mut self) {
        self.write_page();
        let mut text = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<asic:ASiCManifest xmlns:asic=\"http://uri.etsi.org/02918/v1.2.1#\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n",
        );
        if self.members.iter().any(|(name, _)| name == SEAL) {
            text.push_str("<asic:SigReference URI=\"META-INF/signature.p7s\" MimeType=\"application/pkcs7-signature\"/>\n");
        }
        for (name, data) in &self.members {
            if name != "mimetype" && name != MANIFEST && name != SEAL {
                let digest = STANDARD.encode(digest(&SHA256, data));
                writeln!(text, "<asic:DataObjectReference URI=\"{name}\"><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue>{digest}</ds:DigestValue></asic:DataObjectReference>").unwrap();
            }
        }
        text.push_str("</asic:ASiCManifest>\n");
        *self.get_mut(MANIFEST) = text.into_bytes();
    }

    /// Writes the container [bundle.md §1].
    pub fn write(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut central = Vec::new();
        for (name, data) in &self.members {
            let offset = file.len() as u32;
            let mut fields = vec![10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
            fields.extend(crc32fast::hash(data).to_le_bytes());
            fields.extend((data.len() as u32).to_le_bytes());
            fields.extend((data.len() as u32).to_le_bytes());
            fields.extend((name.len() as u16).to_le_bytes());
            fields.extend([0, 0]);
            file.extend(b"PK\x03\x04");
            file.extend(&fields);
            file.extend(name.as_bytes());
            file.extend(data);
            central.extend(b"PK\x01\x02\x0a\x00");
            central.extend(&fields);
            central.extend([0; 10]);
            central.extend(offset.to_le_bytes());
            central.extend(name.as_bytes());
        }
        let (offset, count) = (file.len() as u32, self.members.len() as u16);
        file.extend(&central);
        file.extend(b"PK\x05\x06\0\0\0\0");
        file.extend(count.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend((central.len() as u32).to_le_bytes());
        file.extend(offset.to_le_bytes());
        file.extend([0, 0]);
        file
    }
}
