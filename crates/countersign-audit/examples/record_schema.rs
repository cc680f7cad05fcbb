//! Writes the JSON Schema of records into a file; `cargo xtask vectors` runs it.
//!
//! ```console
//! $ cargo run -p countersign-audit --features schema --example record_schema -- docs/spec/record.schema.json
//! ```

use std::error::Error;

use countersign_audit::schema::record_schema;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("into which file?")?;
    let schema = serde_json::to_string_pretty(&record_schema())?;
    std::fs::write(path, schema + "\n")?;
    Ok(())
}
