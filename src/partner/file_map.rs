use serde::Deserialize;

/// The columns of a partner's daily payments file. Columns that are not named are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileMap {
    /// The event's id, and the order's number if `order` is not mapped.
    pub id: String,
    pub order: Option<String>,
    /// The order's stage. Order and stage together are unique, whatever the ids are.
    pub stage: Option<String>,
    pub member: String,
    pub store: Option<String>,
    /// RFC 3339 date-times.
    pub occurred_at: String,
    pub gross: String,
    pub discount: String,
    pub paid: String,
    /// The discount scheme of a line, if any.
    pub scheme: Option<String>,
}

impl FileMap {
    /// What is wrong with the columns, if anything is: each has a name, and none says two things. A
    /// file has one number for event and order where `order` is left out, so it may be named for both.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let columns = [
            ("id", Some(&self.id)),
            ("member", Some(&self.member)),
            ("occurred_at", Some(&self.occurred_at)),
            ("gross", Some(&self.gross)),
            ("discount", Some(&self.discount)),
            ("paid", Some(&self.paid)),
            ("order", self.order.as_ref()),
            ("stage", self.stage.as_ref()),
            ("store", self.store.as_ref()),
            ("scheme", self.scheme.as_ref()),
        ];
        let named: Vec<(&str, &String)> =
            columns.into_iter().filter_map(|(key, column)| Some((key, column?))).collect();
        for (position, (key, column)) in named.iter().enumerate() {
            if column.trim().is_empty() {
                return Some(format!("{key}: the column has no name"));
            }
            let earlier =
                named.iter().take(position).find(|(_key, name)| name.trim() == column.trim());
            match earlier {
                Some(("id", _)) if *key == "order" => {}
                Some((other, _)) => {
                    return Some(format!("{other} and {key} are both the column {column:?}"));
                }
                None => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(change: &str, to: &str) -> Option<String> {
        let text = "id = \"no\"\nmember = \"card\"\noccurred_at = \"at\"\ngross = \"sum\"\n\
                    discount = \"off\"\npaid = \"paid\"\norder = \"no\"\n";
        assert!(text.contains(change));
        toml::from_str::<FileMap>(&text.replace(change, to)).unwrap().fault()
    }

    #[test]
    fn each_column_has_a_name_and_says_one_thing() {
        assert_eq!(map("sum", "sum"), None);
        assert!(map("sum", "paid").unwrap().contains("gross and paid are both"));
        assert!(map("card", " ").unwrap().contains("member: the column has no name"));
        assert!(map("\"off\"", "\"\"").unwrap().contains("discount"));
    }
}
