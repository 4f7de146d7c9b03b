//! Placeholder.
#[derive(Default)]
pub struct Miner {
    templates: Vec<String>,
}
impl Miner {
    pub fn assign(&mut self, message: &str) -> u32 {
        let word = message.split(' ').next().unwrap_or_default();
        self.add(word)
    }
    pub fn add(&mut self, template: &str) -> u32 {
        if let Some(at) = self.templates.iter().position(|known| known == template) {
            return at as u32;
        }
        self.templates.push(template.to_owned());
        self.templates.len() as u32 - 1
    }
    pub fn template(&self, id: u32) -> &str {
        &self.templates[id as usize]
    }
}
