//! A plot with all that belongs to it: its title, its unit, the key to its colours, and its figures as a table.

use super::markup::Markup;
use super::table::Table;

/// What stands around a plot.
pub(super) struct Panel<'a> {
    pub(super) title: &'a str,
    /// What the vertical axis counts.
    pub(super) unit: String,
    /// The class of each colour and what it stands for.
    pub(super) keys: Vec<(&'static str, String)>,
    pub(super) pictures: Vec<Markup>,
    pub(super) table: Table,
}

impl Panel<'_> {
    pub(super) fn render(&self, into: &mut Markup) {
        into.element("figure", &[], |figure| {
            figure.element("figcaption", &[], |caption| {
                caption.says("strong", &[], self.title);
                caption.says("span", &[("class", "unit")], &self.unit);
            });
            self.pictures.iter().for_each(|picture| figure.append(picture));
            figure.element("p", &[("class", "keys")], |keys| {
                for (class, meaning) in &self.keys {
                    keys.element("span", &[("class", "key")], |key| {
                        key.element("i", &[("class", class)], |_| {});
                        key.push(meaning);
                    });
                }
            });
            self.table.render_folded(figure);
        });
    }
}
