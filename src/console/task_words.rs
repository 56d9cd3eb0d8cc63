//! What the pages of tasks say.

use super::operations_words::pick;
use crate::follow_up::task::TaskState;
use crate::http::pages::words::{Language, words};

words! {
    TaskWords {
        tasks: "Tasks", "任务";
        tasks_says: "What customer managers have to do, by the day on which it is due.", "客户经理待办，按到期日排列。";
        task: "Task", "任务";
        no_tasks: "No task is in this list.", "没有任务。";
        no_tasks_says: "Tasks come from the programme's rules: a lead to call, a customer at risk.", "任务由规则产生，如联系线索、挽留客户。";
        manager: "Customer manager", "客户经理";
        manager_hint: "An id, or nothing for all", "编号，留空为全部";
        branch: "Branch", "网点";
        nobody: "nobody yet", "未分配";
        opens: "To be done from", "开始时间";
        ended_by: "Ended by", "结束人";
        note: "Note", "说明";
        what_became: "What became of it", "处理结果";
        done: "Done", "已完成";
        cancel: "Cancel", "取消任务";
        story: "The lead's story", "线索全过程";
        tasks_wait: "Tasks that are due", "到期任务";
    }
}

pub const fn task_state(state: TaskState, language: Language) -> &'static str {
    match state {
        TaskState::Planned => pick(language, "Planned", "计划中"),
        TaskState::Open => pick(language, "Open", "待处理"),
        TaskState::Done => pick(language, "Done", "已完成"),
        TaskState::Cancelled => pick(language, "Cancelled", "已取消"),
    }
}
