"""Students and teachers side by side: who answers, what is asked, scores, significance, reports."""
