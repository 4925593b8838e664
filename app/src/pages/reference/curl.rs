use super::model::{Operation, members, text};

/// What curl sends by itself.
const FORM: &str = "application/x-www-form-urlencoded";

/// A command that does the operation: to be copied, with `$TOKEN` and the parts of the path set before.
pub(super) fn curl(public_url: &str, operation: &Operation) -> String {
    let mut path = operation.path.clone();
    for parameter in operation.parameters.iter().filter(|parameter| parameter.place == "path") {
        path = path.replace(&["{", &parameter.name, "}"].concat(), &["$", &parameter.name.to_uppercase()].concat());
    }
    let mut command = vec![match operation.method.as_str() {
        "GET" => format!("curl \"{public_url}{path}\""),
        method => format!("curl -X {method} \"{public_url}{path}\""),
    }];
    if operation.secured {
        command.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
    }
    if let Some((body, example)) = operation.body.as_ref().and_then(|body| Some((body, body.example.as_ref()?))) {
        if body.media_type == FORM {
            let fields = members(example).map(|(name, value)| [name, "=", &text(value)].concat());
            command.extend(fields.map(|field| format!("--data-urlencode {}", quoted(&field))));
        } else {
            command.push(format!("-H \"Content-Type: {}\"", body.media_type));
            command.push(format!("-d {}", quoted(&example.to_string())));
        }
    }
    command.join(" \\\n  ")
}

/// Within single quotes a shell takes everything as it is, but a single quote.
fn quoted(text: &str) -> String {
    ["'", &text.replace('\'', "'\\''"), "'"].concat()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::model::Reference;
    use super::*;

    #[test]
    fn a_command_that_a_shell_understands() {
        let document = json!({ "paths": { "/things/{id}": { "patch": {
            "tags": ["T"], "parameters": [{ "name": "id", "in": "path" }],
            "requestBody": { "content": { "application/json": { "example": { "name": "it's" } } } },
        } } } });
        let reference = Reference::of(&document);
        assert_eq!(
            curl("https://tokens.example.com", &reference.groups[0].operations[0]),
            "curl -X PATCH \"https://tokens.example.com/things/$ID\" \\\n  -H \"Authorization: Bearer $TOKEN\" \\\n  \
             -H \"Content-Type: application/json\" \\\n  -d '{\"name\":\"it'\\''s\"}'"
        );
    }

    #[test]
    fn a_form() {
        let document = json!({ "paths": { "/ask": { "post": { "tags": ["T"], "security": [{}], "requestBody": {
            "content": { FORM: { "example": { "token": "a b" } } },
        } } } } });
        assert_eq!(
            curl("https://tokens.example.com", &Reference::of(&document).groups[0].operations[0]),
            "curl -X POST \"https://tokens.example.com/ask\" \\\n  --data-urlencode 'token=a b'"
        );
    }
}
