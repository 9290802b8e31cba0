//! Form-encoded parameters with bracketed names, as the Stripe-shaped API takes them.

use std::collections::BTreeMap;

use crate::network::Metadata;
use crate::refusal::ApiRefusal;

/// Pairs in one request; more is a mistake or an attack.
const PAIRS_MAX: usize = 128;

/// The parameters of one request. Each is taken out once; what is left over is unknown and refused,
/// because a real network refuses a misspelt parameter too.
pub(crate) struct Form {
    values: BTreeMap<String, String>,
    expand: Vec<String>,
}

impl Form {
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, ApiRefusal> {
        let mut form = Self {
            values: BTreeMap::new(),
            expand: Vec::new(),
        };
        for (at, (name, value)) in form_urlencoded::parse(encoded).enumerate() {
            if at >= PAIRS_MAX {
                return Err(ApiRefusal::invalid("", "Too many parameters."));
            }
            if name == "expand[]" || name.starts_with("expand[") {
                form.expand.push(value.into_owned());
            } else if form
                .values
                .insert(name.clone().into_owned(), value.into_owned())
                .is_some()
            {
                return Err(ApiRefusal::invalid(
                    &name,
                    "This parameter was given twice.",
                ));
            }
        }
        Ok(form)
    }

    pub(crate) fn expands(&self, path: &str) -> bool {
        self.expand
            .iter()
            .any(|wanted| wanted == path || wanted.starts_with(&format!("{path}.")))
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.values.remove(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&mut self, name: &str) -> Result<String, ApiRefusal> {
        self.text(name).ok_or_else(|| ApiRefusal::missing(name))
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, ApiRefusal> {
        match self.text(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ApiRefusal::invalid(name, "Must be true or false.")),
        }
    }

    pub(crate) fn whole_number(&mut self, name: &str) -> Result<Option<i64>, ApiRefusal> {
        self.text(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| ApiRefusal::invalid(name, format!("Invalid integer: {text}")))
            })
            .transpose()
    }

    /// All `prefix[key]=value` pairs: at most 50, keys of 40 and values of 500 characters.
    pub(crate) fn metadata(&mut self, prefix: &str) -> Result<Metadata, ApiRefusal> {
        let start = format!("{prefix}[");
        let names: Vec<String> = self
            .values
            .keys()
            .filter(|name| name.starts_with(&start))
            .cloned()
            .collect();
        let mut metadata = Metadata::new();
        for name in names {
            let value = self.values.remove(&name).unwrap_or_default();
            let key = name[start.len()..].trim_end_matches(']').to_owned();
            if key.is_empty()
                || key.chars().count() > 40
                || value.chars().count() > 500
                || metadata.len() == 50
            {
                return Err(ApiRefusal::invalid(
                    &name,
                    "Metadata has at most 50 keys of 40 and values of 500 characters.",
                ));
            }
            metadata.insert(key, value);
        }
        Ok(metadata)
    }

    /// Forgets parameters that are legal but change nothing here.
    pub(crate) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.values.remove(*name);
        }
    }

    /// Ends the reading: anything left is a parameter this call does not have.
    pub(crate) fn finish(self) -> Result<(), ApiRefusal> {
        match self.values.keys().next() {
            Some(name) => Err(ApiRefusal::unknown_param(name)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bracketed_names_become_metadata() {
        let mut form =
            Form::parse(b"amount=5000&metadata%5Btop_up%5D=t-1&expand[]=latest_charge").unwrap();
        assert_eq!(form.whole_number("amount").unwrap(), Some(5_000));
        assert_eq!(form.metadata("metadata").unwrap()["top_up"], "t-1");
        assert!(form.expands("latest_charge"));
        assert!(form.finish().is_ok());
    }

    #[test]
    fn what_nobody_asked_for_is_refused() {
        for wrong in [&b"amuont=1"[..], b"a=1&a=2"] {
            let refused = Form::parse(wrong).and_then(Form::finish);
            assert_eq!(refused.unwrap_err().status, 400);
        }
    }
}
