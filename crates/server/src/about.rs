//! Who runs this instance, in the operator's own words.

/// What the operator says of itself. What is left out is not shown; without an address the pages show a plain text of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub operator_name: Option<String>,
    /// A mail address, a telephone number, the address of a page or a sentence.
    pub operator_contact: Option<String>,
    pub terms_url: Option<String>,
    pub privacy_url: Option<String>,
}
