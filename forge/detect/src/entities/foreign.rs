//! The same evidence in other languages: a known noun and a verb in one sentence.

use std::collections::BTreeMap;

use crate::lexicon::nouns;
use crate::scope::Sentence;

use super::grammar::Act;
use super::prose::{Evidence, note};

const FOREIGN_ACTS: &[(Act, &[&str])] = &[
    (
        Act::Create,
        &[
            "作成",
            "追加",
            "登録",
            "投稿",
            "保存",
            "创建",
            "添加",
            "新增",
            "发布",
            "新建",
            "생성",
            "추가",
            "작성",
            "등록",
            "저장",
            "criar",
            "adicionar",
            "cadastrar",
            "crear",
            "agregar",
            "añadir",
            "registrar",
            "erstellen",
            "hinzufügen",
            "anlegen",
            "angelegt",
            "créer",
            "ajouter",
            "enregistrer",
        ],
    ),
    (
        Act::Change,
        &[
            "編集",
            "更新",
            "変更",
            "编辑",
            "修改",
            "수정",
            "편집",
            "변경",
            "editar",
            "atualizar",
            "actualizar",
            "modificar",
            "bearbeiten",
            "bearbeitet",
            "ändern",
            "modifier",
        ],
    ),
    (
        Act::Delete,
        &[
            "削除",
            "删除",
            "삭제",
            "excluir",
            "remover",
            "eliminar",
            "borrar",
            "deletar",
            "löschen",
            "gelöscht",
            "supprimer",
        ],
    ),
    (
        Act::Manage,
        &[
            "管理",
            "관리",
            "gerenciar",
            "gerenciamento",
            "gestionar",
            "gestión",
            "verwalten",
            "verwaltung",
            "gérer",
            "gestion",
        ],
    ),
    (
        Act::Read,
        &[
            "一覧",
            "表示",
            "検索",
            "列表",
            "查看",
            "查询",
            "목록",
            "조회",
            "listar",
            "visualizar",
            "buscar",
            "consultar",
            "anzeigen",
            "suchen",
            "afficher",
            "lister",
        ],
    ),
];

/// Notes every known noun under every verb of its sentence.
pub(super) fn translated(sentence: &Sentence, nouns: &mut BTreeMap<String, Evidence>) {
    let norm = &sentence.norm;
    let acts: Vec<Act> = FOREIGN_ACTS
        .iter()
        .filter(|(_, words)| words.iter().any(|w| norm.contains(w)))
        .map(|(act, _)| *act)
        .collect();
    if acts.is_empty() {
        return;
    }
    for (word, english) in nouns::TRANSLATIONS {
        if contains_noun(norm, word) {
            for act in &acts {
                note(nouns, (*english).to_owned(), *act, sentence.line);
            }
        }
    }
}

fn contains_noun(norm: &str, word: &str) -> bool {
    let spaced = word.chars().next().is_some_and(|c| (c as u32) < 0x250);
    norm.match_indices(word).any(|(at, _)| {
        let before = norm[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
        let after: String = norm[at + word.len()..].chars().take_while(|c| c.is_alphanumeric()).collect();
        !spaced || before && ["", "s", "es", "e", "n", "en", "er", "x"].contains(&after.as_str())
    })
}
