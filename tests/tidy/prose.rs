//! Comments, as sentences: a rule on how they begin, and one on what they repeat.

/// A block of comment lines that follow one another, by the line of the first.
struct Block {
    line: usize,
    text: String,
}

/// Sentences that begin with "Of": the noun comes first, or the sentence has to be read twice.
pub fn dangling(path: &str, text: &str) -> Vec<String> {
    let blocks = blocks(text, |line| {
        let line = line.trim_start();
        line.strip_prefix("//").map(|rest| rest.trim_start_matches(['/', '!']))
    });
    dangling_in(path, &blocks)
}

/// The same in a page of Markdown, without what stands between fences.
pub fn dangling_in_markdown(path: &str, text: &str) -> Vec<String> {
    let mut fenced = false;
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            if fenced || fence { String::new() } else { line.to_owned() }
        })
        .collect();
    let blocks = blocks(&lines.join("\n"), |line| {
        let line = line.trim_start_matches(['#', '-', '*', '|', '>', ' ']);
        (!line.is_empty()).then_some(line)
    });
    dangling_in(path, &blocks)
}

fn dangling_in(path: &str, blocks: &[Block]) -> Vec<String> {
    let mut found = Vec::new();
    for block in blocks {
        for (start, word) in block.text.match_indices("Of") {
            let (before, rest) = block.text.split_at(start);
            if !rest.split_at(word.len()).1.starts_with([' ', '\n']) {
                continue;
            }
            let before_space = before.trim_end();
            let starts = before_space.is_empty()
                || before.ends_with('\n') && before_space.ends_with(['.', ':', '|'])
                || before.ends_with(' ') && before_space.ends_with(['.', '!', '?', '|']);
            if starts {
                let line = block.line.saturating_add(before.matches('\n').count());
                found.push(format!("{path}:{line}: a sentence that begins with \"Of\""));
            }
        }
    }
    found
}

/// `# Errors` blocks in which nothing stands but a link to the type that the signature names.
pub fn repeated(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    for (number, line) in lines.iter().enumerate() {
        if *line != "/// # Errors" {
            continue;
        }
        let body = lines.iter().skip(number.saturating_add(1));
        let body = body.map_while(|line| line.strip_prefix("///"));
        let body: String = body.take_while(|line| !line.trim_start().starts_with('#')).collect();
        // A variant says which of the errors, and that is more than the signature does.
        if words_outside_links(&body) == 0 && !body.contains("::") {
            let at = number.saturating_add(1);
            found.push(format!("{path}:{at}: `# Errors` says no more than the signature"));
        }
    }
    found
}

fn words_outside_links(text: &str) -> usize {
    let mut outside = String::new();
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '[' => depth = depth.saturating_add(1),
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(c),
            _ => {}
        }
    }
    outside.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count()
}

fn blocks(text: &str, content: impl Fn(&str) -> Option<&str>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        let Some(said) = content(line) else {
            open = false;
            continue;
        };
        match blocks.last_mut().filter(|_| open) {
            Some(block) => {
                block.text.push('\n');
                block.text.push_str(said.trim());
            }
            None => {
                let line = number.saturating_add(1);
                blocks.push(Block { line, text: said.trim().to_owned() });
            }
        }
        open = true;
    }
    blocks
}
