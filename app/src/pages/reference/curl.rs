use super::model::Operation;

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
    if let Some(example) = operation.body.as_ref().and_then(|body| body.example.as_ref()) {
        command.push("-H \"Content-Type: application/json\"".to_owned());
        // Within single quotes a shell takes everything as it is, but a single quote.
        command.push(format!("-d '{}'", example.to_string().replace('\'', "'\\''")));
    }
    command.join(" \\\n  ")
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
}
