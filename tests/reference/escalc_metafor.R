# Effect sizes by metafor's escalc of random statistics: Rscript escalc_metafor.R writes escalc_metafor.json. Made with
# metafor 3.8-1; from 4.6 on the variances of SMDH, SMD1H and SMCRH differ, from 5.0 on ROM, ROMC and CVR are corrected.
suppressMessages({library(metafor); library(jsonlite)})
set.seed(1)
k <- 12
g <- list(n1=sample(5:80,k), n2=sample(5:80,k), m1=round(runif(k,8,14),2), m2=round(runif(k,8,14),2), sd1=round(runif(k,1,4),2), sd2=round(runif(k,1,4),2))
out <- list(groups=g)
one <- function(...) tryCatch({ e <- escalc(...); list(y=as.numeric(e$yi), v=as.numeric(e$vi)) }, error=function(e) {message(conditionMessage(e)); NULL})
for (m in c("MD","SMD","SMDH","SMD1","SMD1H","ROM","VR","CVR","RPB","RBIS","D2ORN","D2ORL")) {
  vt <- switch(m, MD=c("LS","HO"), SMD=c("LS","LS2","UB","AV"), SMD1=c("LS","LS2","UB","AV"), ROM=c("LS","HO","AV","AVHO"), RPB=c("ST","CS"), "LS")
  for (v in vt) out[[paste0("G_",m,"_",v)]] <- one(measure=m, n1i=g$n1,n2i=g$n2,m1i=g$m1,m2i=g$m2,sd1i=g$sd1,sd2i=g$sd2, vtype=v)
}
t2 <- list(a=c(sample(1:40,k-2),0,5), b=c(sample(10:60,k-2),12,0), c=c(sample(1:40,k-2),3,9), d=c(sample(10:60,k-2),14,0))
out$tables <- t2
for (m in c("OR","RR","RD","AS","PETO","PHI","YUQ","YUY","RTET","PBIT","OR2DL","OR2DN")) {
  vt <- if (m=="PHI") c("ST","CS") else if (m=="RD") c("LS","UB","AV") else "LS"
  for (v in vt) for (to in c("only0","all","if0all","none")) out[[paste0("T_",m,"_",v,"_",to)]] <- suppressWarnings(one(measure=m, ai=t2$a,bi=t2$b,ci=t2$c,di=t2$d, vtype=v, to=to))
  out[[paste0("T_",m,"_drop")]] <- suppressWarnings(one(measure=m, ai=t2$a,bi=t2$b,ci=t2$c,di=t2$d, vtype=vt[1], drop00=TRUE))
}
rt <- list(x1=c(sample(1:40,k-2),0,0), x2=c(sample(1:40,k-2),4,0), t1=round(runif(k,20,300),1), t2=round(runif(k,20,300),1))
out$rates <- rt
for (m in c("IRR","IRD","IRSD")) for (to in c("only0","all","if0all","none")) out[[paste0("R_",m,"_LS_",to)]] <- suppressWarnings(one(measure=m, x1i=rt$x1,x2i=rt$x2,t1i=rt$t1,t2i=rt$t2,to=to))
for (m in c("IR","IRLN","IRS","IRFT")) for (to in c("only0","all","none")) out[[paste0("r_",m,"_LS_",to)]] <- suppressWarnings(one(measure=m, xi=rt$x1, ti=rt$t1,to=to))
pr <- list(x=c(sample(1:30,k-2),0,40), n=c(sample(31:90,k-2),20,40)); out$props <- pr
for (m in c("PR","PLN","PLO","PAS","PFT")) for (to in c("only0","all","none")) out[[paste0("P_",m,"_LS_",to)]] <- suppressWarnings(one(measure=m, xi=pr$x, ni=pr$n, to=to))
co <- list(r=round(runif(k,-.9,.9),3), n=sample(8:150,k), t=round(rnorm(k,0,2),2), mi=sample(1:4,k,TRUE), r2=round(runif(k,.5,.8),3)); out$cors <- co
for (m in c("COR","UCOR","ZCOR")) for (v in (if (m=="ZCOR") "LS" else c("LS","UB","AV"))) out[[paste0("C_",m,"_",v)]] <- one(measure=m, ri=co$r, ni=co$n, vtype=v)
for (m in c("PCOR","ZPCOR","SPCOR")) out[[paste0("Q_",m,"_LS")]] <- one(measure=m, ti=co$t, ni=co$n, mi=co$mi, r2i=co$r2)
sg <- list(m=g$m1, sd=g$sd1, n=g$n1); out$single <- sg
for (m in c("MN","MNLN","CVLN","SDLN")) out[[paste0("S_",m,"_LS")]] <- one(measure=m, mi=sg$m, sdi=sg$sd, ni=sg$n)
pp <- list(m1=g$m1,m2=g$m2,sd1=g$sd1,sd2=g$sd2,n=g$n1,r=round(runif(k,.1,.9),2)); out$paired <- pp
for (m in c("MC","SMCC","SMCR","SMCRH","ROMC","CVRC","VRC")) out[[paste0("M_",m,"_LS")]] <- one(measure=m, m1i=pp$m1,m2i=pp$m2,sd1i=pp$sd1,sd2i=pp$sd2,ri=pp$r,ni=pp$n)
for (m in c("SMCC","SMCR")) for (v in c("LS2","UB")) out[[paste0("M_",m,"_",v)]] <- tryCatch(one(measure=m, m1i=pp$m1,m2i=pp$m2,sd1i=pp$sd1,sd2i=pp$sd2,ri=pp$r,ni=pp$n,vtype=v), error=function(e) NULL)
al <- list(alpha=round(runif(k,.4,.95),3), items=sample(3:20,k), n=g$n1); out$alphas <- al
for (m in c("ARAW","AHW","ABT")) out[[paste0("A_",m,"_LS")]] <- one(measure=m, ai=al$alpha, mi=al$items, ni=al$n)
write_json(out, "escalc_metafor.json", digits=17, na="null")
