# The general fail-safe N of metafor with its exact calculation: Rscript fail_safe_n_general.R fail_safe_n_general.json
# `n`, and mean, tau2 and p-value with so many null studies; `approximate` is n at metafor's default.
suppressMessages({library(metafor); library(jsonlite)})
bcg <- escalc(measure="RR", ai=tpos, bi=tneg, ci=cpos, di=cneg, data=dat.bcg)
sets <- list(bcg=bcg, hackshaw1998=dat.hackshaw1998)
out <- list()
for (name in names(sets)) for (method in c("REML", "DL")) for (alpha in c(.01, .05, .1)) {
  if (name == "hackshaw1998" && method == "DL") next  # minutes
  y <- as.numeric(sets[[name]]$yi); v <- as.numeric(sets[[name]]$vi)
  f <- fsn(y, v, type="General", method=method, alpha=alpha, exact=TRUE)
  g <- fsn(y, v, type="General", method=method, alpha=alpha)
  out[[length(out) + 1]] <- list(set=name, tau2=method, alpha=alpha, n=f$fsnum, approximate=g$fsnum, mean=f$est.fsn,
    between=f$tau2.fsn, p_value=f$pval.fsn)
}
made_by <- paste0("metafor ", packageVersion("metafor"), ", metadat ", packageVersion("metadat"), ", R ",
  R.version$major, ".", R.version$minor)
write(toJSON(list(made_by=made_by, rows=out), auto_unbox=TRUE, digits=I(12)), commandArgs(trailingOnly=TRUE)[1])
