//! `countersign policy preset`.

use clap::Args;
use countersign::provision::Preset;
use serde_json::{Value, json};

use crate::style::{Page, Table, name, plain};
use crate::verdict::Verdict;

#[derive(Debug, Args)]
pub(crate) struct Starting {
    /// The preset; without one, all are listed.
    name: Option<String>,
}

pub(super) fn run(starting: &Starting) -> Verdict {
    let Some(given) = &starting.name else {
        return all();
    };
    let Some(preset) = Preset::named(given) else {
        let names = Preset::ALL.map(Preset::name);
        let nearest = countersign::roles::nearest(given, names);
        let hint = match nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("there are {}", names.join(", ")),
        };
        let message = format!("there is no preset `{given}`; {hint}");
        return Verdict::refused("cli.unknown_preset", message);
    };
    let policy = preset.starting_policy();
    Verdict::Accepted {
        json: json!({ "name": preset.name(), "summary": preset.summary(), "policy": policy }),
        text: Page::verbatim(policy),
    }
}

fn all() -> Verdict {
    let mut table = Table::new();
    for preset in Preset::ALL {
        table.row([name(preset.name()), plain(preset.summary())]);
    }
    let mut text = Page::new();
    text.table(table);
    let presets = Preset::ALL
        .iter()
        .map(|preset| json!({ "name": preset.name(), "summary": preset.summary() }));
    Verdict::Accepted {
        json: json!({ "presets": presets.collect::<Vec<Value>>() }),
        text,
    }
}
